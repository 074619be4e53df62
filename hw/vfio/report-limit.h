/*
 * Messages that a guest can provoke at will
 *
 * After 16 no more than one a second is printed, of all devices together; the
 * next says how many were not. While a device is blocked by its vIOMMU the host
 * maps none of its MSIs, and the guest may unmask vectors as often as it likes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_VFIO_REPORT_LIMIT_H
#define HW_VFIO_REPORT_LIMIT_H

/* As error_report() */
void vfio_report_limited(const char *fmt, ...) G_GNUC_PRINTF(1, 2);

/* As error_reportf_err(): frees @err */
void vfio_reportf_err_limited(Error *err, const char *fmt, ...)
    G_GNUC_PRINTF(2, 3);

#endif /* HW_VFIO_REPORT_LIMIT_H */
