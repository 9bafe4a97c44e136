// Stands in for Node.js where there is none: a musl process that loads the addon as Node.js does, with every relocation
// at once. The functions of Node-API and libuv are only names here (NAMES, from the compiler's command line). They are
// never called.
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#define NAME(name) \
  void name(void) { abort(); }
NAMES

int main(int count, char** arguments) {
  void* addon = dlopen(arguments[1], RTLD_NOW);
  if (!addon || !dlsym(addon, "napi_register_module_v1")) {
    puts(dlerror());
    return 1;
  }
  puts("loaded");
  return count != 2;
}
