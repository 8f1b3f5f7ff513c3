/* SPDX-License-Identifier: MIT
 *
 * qr.c: see qr.h. Each character shows two modules, one above the other, which makes them square.
 */
#include "qr.h"

#if CHAT_QRENCODE

#include <qrencode.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

enum {
    MARGIN = 4,      /* modules of quiet zone all around (ISO/IEC 18004 §9.1) */
    ROW_BYTES = 1024 /* 177 + 2 * MARGIN characters of 3 bytes, and colours */
};

/* 1 for a light module, those around the code included. */
static int is_light(const QRcode *code, int x, int y)
{
    if (x < 0 || y < 0 || x >= code->width || y >= code->width) {
        return 1;
    }
    return (code->data[y * code->width + x] & 1) == 0;
}

/* Two rows of modules. */
static int put_row(int fd, const QRcode *code, int y, int is_coloured)
{
    static const char *const blocks[2][2] = {{" ", "\xE2\x96\x84"},             /* ▄ */
                                             {"\xE2\x96\x80", "\xE2\x96\x88"}}; /* ▀ █ */
    char row[ROW_BYTES];
    size_t used = (size_t)snprintf(row, sizeof row, "%s", is_coloured ? "\033[97;40m" : "");
    for (int x = -MARGIN; x < code->width + MARGIN; x++) {
        /* Below the last row of the margin there is nothing. */
        const int lower = y + 1 < code->width + MARGIN && is_light(code, x, y + 1);
        used += (size_t)snprintf(row + used, sizeof row - used, "%s",
                                 blocks[is_light(code, x, y)][lower]);
    }
    used += (size_t)snprintf(row + used, sizeof row - used, "%s\n", is_coloured ? "\033[0m" : "");
    const ssize_t written = write(fd, row, used);
    text_wipe(row, sizeof row);
    return written == (ssize_t)used ? 0 : -1;
}

enum qr_result qr_put(int fd, const char *text, int columns, int is_coloured)
{
    QRcode *const code = QRcode_encodeString(text, 0, QR_ECLEVEL_M, QR_MODE_8, 1);
    if (code == NULL) {
        return QR_MISSING;
    }
    const int is_narrow = code->width + 2 * MARGIN <= columns;
    for (int y = -MARGIN; is_narrow && y < code->width + MARGIN; y += 2) {
        if (put_row(fd, code, y, is_coloured) != 0) {
            break;
        }
    }
    text_wipe(code->data, (size_t)code->width * (size_t)code->width);
    QRcode_free(code);
    return is_narrow ? QR_OK : QR_TOO_WIDE;
}

#else

enum qr_result qr_put(int fd, const char *text, int columns, int is_coloured)
{
    (void)fd;
    (void)text;
    (void)columns;
    (void)is_coloured;
    return QR_MISSING;
}

#endif
