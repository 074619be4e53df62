/*
 * A build without accelerated SMMUv3s: there are none to show
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "monitor/hmp.h"
#include "monitor/monitor.h"
#include "qapi/qapi-commands-smmuv3-accel.h"

SMMUv3AccelInfoList *qmp_x_query_smmuv3_accel(Error **errp)
{
    return NULL;
}

void hmp_info_smmuv3_accel(Monitor *mon, const QDict *qdict)
{
    monitor_puts(mon, "This QEMU has no arm-smmuv3 with accel=on\n");
}
