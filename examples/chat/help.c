/* SPDX-License-Identifier: MIT
 *
 * help.c: the text of --help. kith-chat.1 says the same at more length; tests/checks/manual holds
 * one against the other.
 */
#include "options.h"

static const char help_text[] =
    "Usage: kith-chat [--name NAME] [--session NAME] (--key FILE | --insecure)\n"
    "                 [--listen URL]... [--connect URL]... [OPTION]...\n"
    "       kith-chat --new-key FILE\n"
    "       kith-chat (--show-key | --add-key) --key FILE\n"
    "\n"
    "A chat among peers, without a server. Lines typed go to everyone who is connected;\n"
    "nobody forwards them, so each two who are to talk need a --connect between them.\n"
    "\n"
    "  --name NAME      how others see you (default: your login name)\n"
    "  --session NAME   only chats of the same session meet (default: kith-chat)\n"
    "  --key FILE       encrypt, and talk only with those who have the same key file\n"
    "  --insecure       no encryption: anyone on the way can read and change everything\n"
    "  --listen URL     where others can connect, once or more: wss://192.0.2.1:4242,\n"
    "                   wss://*:4242 (all addresses), port 0 = any free port\n"
    "                   (default: any://*:0, every transport there is)\n"
    "  --connect URL    connect to a peer, once or more: wss://host.example:4242\n"
    "  --redial         connect again when a connection is lost (default at a terminal)\n"
    "  --no-redial      do not (default elsewhere)\n"
    "  --resume-window SECONDS\n"
    "                   wait so long for a peer whose connection breaks: lines to it are kept,\n"
    "                   and none is lost or doubled (default: 30; 0 = do not wait)\n"
    "  --json           one event per line on standard output, for programs: EVENTS.md\n"
    "  --color WHEN     auto (at a terminal, unless NO_COLOR is set), always or never\n"
    "  --verbose        say what happens underneath; twice: everything\n"
    "  --new-key FILE   make a key file; give a copy to everyone who may join\n"
    "  --show-key       show the key, as text to type and as a QR code\n"
    "  --add-key        read a key from standard input and add it to the key file\n"
    "  -h, --help       this text\n"
    "  --version        version of the program\n"
    "\n"
    "While it runs:\n"
    "  TEXT             say it to everyone (//TEXT says a text that starts with a slash)\n"
    "  /to NAME TEXT    say it to one; NAME#1a2b tells people of the same name apart\n"
    "  /retry           what waits for the network, and why; tries it at once\n"
    "  /peers           who is connected, and how\n"
    "  /stats           what has gone to and fro\n"
    "  /help            the commands\n"
    "  /quit            leave\n"
    "\n"
    "At a terminal: arrow keys and history, the tabulator completes commands and names,\n"
    "Ctrl-D or Ctrl-C on an empty line leaves. `man kith-chat` tells of all keys.\n"
    "\n"
    "At the end of its input it waits until what was typed is delivered, then leaves.\n"
    "Input that does not come from a terminal is kept until the first peer is connected\n"
    "and each --connect has been tried once.\n"
    "\n"
    "Exit status:\n"
    "  0  all went well, or a signal ended it\n"
    "  1  it could not listen, nobody could be reached, something typed was not delivered,\n"
    "     or another failure\n"
    "  2  the command line or the key file is wrong\n";

const char *options_help(void)
{
    return help_text;
}
