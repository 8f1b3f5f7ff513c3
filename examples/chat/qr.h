/* SPDX-License-Identifier: MIT
 *
 * qr.h: a text as a QR code on a terminal. Only where the program was built with libqrencode.
 */
#ifndef CHAT_QR_H
#define CHAT_QR_H

enum qr_result {
    QR_OK,
    QR_MISSING, /* built without */
    QR_TOO_WIDE /* for so many columns */
};

/* Writes a code that holds text to a descriptor, in rows of at most so many columns, light on dark;
 * is_coloured: in black and white whatever the terminal's own colours. Leaves no copy of text. */
enum qr_result qr_put(int fd, const char *text, int columns, int is_coloured);

#endif
