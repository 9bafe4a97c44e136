// Debian's libstdc++ and libgcc are built for glibc and take these names from it. A Node.js built by GCC 13 takes one
// more from libstdc++. This file replaces glibc's loader, which both also name, so that musl can load them. The addon
// itself must need none of these names (test/package/musl.test.ts).
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/random.h>
#include <time.h>

char __libc_single_threaded = 0;
unsigned __cpu_model[4];

int __cpu_indicator_init(void) { return 0; }

unsigned long __getauxval(unsigned long type) { return getauxval(type); }

// "Not found": libgcc then walks the program headers.
int _dl_find_object(void* address, void* result) { return -1; }

// Destructors of thread-local variables do not run.
int __cxa_thread_atexit_impl(void (*destroy)(void*), void* object, void* dso) { return 0; }

size_t __strftime_l(char* to, size_t size, const char* format, const struct tm* time, locale_t locale) {
  return strftime_l(to, size, format, time, locale);
}

unsigned arc4random(void) {
  unsigned value;
  if (getrandom(&value, sizeof value, 0) != sizeof value) abort();
  return value;
}

// std::string::_M_replace_cold(pointer, size_type, const char*, size_type, size_type). The new text may be part of the
// old text.
void _ZNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEE15_M_replace_coldEPcmPKcmm(void* self, char* at,
                                                                                     size_t old_size, const char* text,
                                                                                     size_t new_size, size_t tail) {
  char* copy = malloc(new_size + 1);
  if (!copy) abort();
  memcpy(copy, text, new_size);
  memmove(at + new_size, at + old_size, tail);
  memcpy(at, copy, new_size);
  free(copy);
}
