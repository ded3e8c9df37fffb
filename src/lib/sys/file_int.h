/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_LIB_SYS_FILE_INT_H
#define WEIR_LIB_SYS_FILE_INT_H

#include "lib/sys/file.h"

/* What an errno of the calls on files means. */
enum err file_err_of(int number);

#endif
