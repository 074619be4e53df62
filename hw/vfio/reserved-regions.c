/*
 * What sysfs says of an IOMMU group's reserved regions
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "reserved-regions.h"

char *vfio_direct_region(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", 0);

    for (char **line = lines; *line; line++) {
        if (g_str_has_suffix(*line, " direct")) {
            return g_strndup(*line, strlen(*line) - strlen(" direct"));
        }
    }
    return NULL;
}
