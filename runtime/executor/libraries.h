/* executor/libraries.h: the services that search the libraries of this machine.
 *
 * In both the directories come before those that the loader searches by itself (search.h), a file is
 * told once, and of two with the same name the first. At most HALO_LIBRARIES_FOUND are told of one thing,
 * developed ones before others are left out.
 *
 *   Library { string path, u8 is_developed }   see halo_search_is_developed
 *
 *   "halo_find_symbols": SPS (sequence<string> directories, sequence<string> symbols)
 *       -> Expected<{ u64 stamp, sequence<sequence<Library>> }>
 *       For each symbol the libraries that define it. stamp: as long as it is the same, so is the answer;
 *       without symbols nothing is searched.
 *   "halo_find_libraries": SPS (sequence<string> directories, string name) -> Expected<sequence<Library>>
 *       name: of a file, as libz.so.1, or X or libX.so for all of its versions. Where there is neither a
 *       usable one nor an archive libX.a, the first that cannot be used: loading it tells why.
 */
#ifndef HALO_EXECUTOR_LIBRARIES_H
#define HALO_EXECUTOR_LIBRARIES_H

#include "halo/session.h"

#define HALO_LIBRARIES_FOUND 16

const struct halo_service *halo_libraries_services(size_t *count);

#endif
