/*
 * arm-smmuv3,accel=on: of two QEMUs that have the same VM, one runs it
 *
 * Once another QEMU has the whole state (cpr-transfer), it starts the VM. But
 * the old one starts it, too, if it is told to cancel just then, or if it does
 * not learn that the other one has the state. Both would write the same memory
 * and drive the same devices. So whoever starts the VM locks a file that both
 * have, and who finds it locked ends.
 *
 * When the new QEMU has run the VM and has ended, the old one can lock it. But
 * its registers are those of before, and the guest's memory is not. So the file
 * says who ran the VM last, and who does not know of that one ends.
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

/* 0: nobody has */
static uint64_t ran_last(const SMMUv3Accel *accel)
{
    uint64_t id;

    return pread(accel->fence_fd, &id, sizeof(id), 0) == sizeof(id) ? id : 0;
}

static void end(const char *why)
{
    error_report("arm-smmuv3: another QEMU %s this VM, so this one ends", why);
    /* At once: no handler may do anything more in the VM's name */
    _exit(EXIT_FAILURE);
}

static void vm_state_changed(void *opaque, bool running, RunState state)
{
    SMMUv3Accel *accel = opaque;
    uint64_t id;
    /* A lock of the process, not of the open file, which both share */
    struct flock lock = {
        .l_type = running ? F_WRLCK : F_UNLCK,
        .l_whence = SEEK_SET,
    };

    if (fcntl(accel->fence_fd, F_SETLK, &lock) < 0 && running) {
        end("runs");
    }
    if (!running) {
        return;
    }
    if (ran_last(accel) != accel->fence_last) {
        end("has run");
    }
    /* Each time another one: the other QEMU may know of the one before */
    id = ++accel->fence_id;
    if (pwrite(accel->fence_fd, &id, sizeof(id), 0) == sizeof(id)) {
        accel->fence_last = id;
    } else {
        error_report("arm-smmuv3: cannot say who runs the VM: %s",
                     strerror(errno));
    }
}

void smmuv3_accel_fence_loaded(SMMUv3Accel *accel)
{
    accel->fence_last = ran_last(accel);
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
    accel->fence_id = (uint64_t)g_random_int() << 32 | getpid();
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
