/* SPDX-License-Identifier: MIT
 *
 * keytool.h: --show-key and --add-key: a key on its way to another machine by eye, camera or voice.
 */
#ifndef CHAT_KEYTOOL_H
#define CHAT_KEYTOOL_H

#include "options.h"

/* Shows the keys of the key file: on a terminal with a QR code and words, else one text per line.
 * Gives an exit status. */
int keytool_show(const struct options *options);

/* Reads keys from standard input, one line at a terminal and all lines elsewhere, and adds them to
 * the key file. Gives an exit status. */
int keytool_add(const struct options *options);

#endif
