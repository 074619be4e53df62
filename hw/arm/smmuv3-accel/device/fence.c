/*
 * arm-smmuv3,accel=on: of two QEMUs that have the same VM, one runs it
 *
 * Once another QEMU has the whole state (cpr-transfer), it starts the VM. But
 * the old one starts it, too, if it is told to cancel just then, or if it does
 * not learn that the other one has the state. Both would write the same memory
 * and drive the same devices. So whoever starts the VM locks a file that both
 * have, and who finds it locked ends.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qemu/memfd.h"
#include "migration/cpr.h"
#include "system/runstate.h"
#include "state.h"

static void vm_state_changed(void *opaque, bool running, RunState state)
{
    SMMUv3Accel *accel = opaque;
    /* A lock of the process, not of the open file, which both share */
    struct flock lock = {
        .l_type = running ? F_WRLCK : F_UNLCK,
        .l_whence = SEEK_SET,
    };

    if (fcntl(accel->fence_fd, F_SETLK, &lock) == 0 || !running) {
        return;
    }
    error_report("arm-smmuv3: another QEMU runs this VM, so this one ends");
    /* At once: no handler may do anything more in the VM's name */
    _exit(EXIT_FAILURE);
}

bool smmuv3_accel_fence_realize(SMMUv3Accel *accel, Error **errp)
{
    g_autofree char *path = object_get_canonical_path(OBJECT(accel->smmu));
    g_autofree char *name = g_strdup_printf("%s/fence", path);

    accel->fence_fd = cpr_find_fd(name, 0);
    if (accel->fence_fd < 0) {
        accel->fence_fd = qemu_memfd_create(name, 0, false, 0, 0, errp);
        if (accel->fence_fd < 0) {
            return false;
        }
        cpr_save_fd(name, 0, accel->fence_fd);
    }
    /* Before anybody else starts something, and after all have stopped */
    accel->fence = qemu_add_vm_change_state_handler_prio(vm_state_changed,
                                                         accel, INT_MIN);
    return true;
}

void smmuv3_accel_fence_finalize(SMMUv3Accel *accel)
{
    if (accel->fence) {
        qemu_del_vm_change_state_handler(accel->fence);
        close(accel->fence_fd);
    }
}
