/* Closes every descriptor it has not opened, again and again, and expects the numbers it would get
 * if nobody else were in the process. */
#define _GNU_SOURCE
#include "work.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

EDGE_KEEP int open_descriptors(void) {
  int count = 0;
  DIR *directory = opendir("/proc/self/fd");
  if (directory == NULL)
    return -1;
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
    count += entry->d_name[0] != '.';
  closedir(directory);
  return count - 1;
}

int main(int argc, char **argv) {
  edge_begin(argc, argv);
  const char *mode = edge_mode("closefrom");
  int kept = fcntl(1, F_DUPFD, 500); /* what is to be printed at the end */
  int extra = -1;
  while (edge_again()) {
    if (strcmp(mode, "closefrom") == 0) {
      close_range(0, 499, 0);
      close_range(501, ~0u, 0);
    } else {
      for (int i = 0; i < 1024; i++)
        if (i != kept)
          close(i);
    }
    int first = open("/dev/null", O_RDWR), second = open("/dev/zero", O_RDONLY);
    edge_say("numbers %d %d", first, second);
    for (int i = 3; i < 64; i++)
      extra = dup2(first, i);
    edge_say("work %lx", work(200));
    edge_say("open %d last %d", open_descriptors(), extra);
    char byte = 1;
    edge_say("zero %d %d", (int)read(second, &byte, 1), byte);
  }
  dup2(kept, 1);
  return edge_end(0);
}
