// Containers compiled by GCC 11 or later call this function when they outgrow the address space, and no older libstdc++
// has it (GLIBCXX_3.4.29): a binary that took it from there would not load on a system older than that. The addon is
// compiled without exceptions, so the original could only end the process too.
#include <stdlib.h>

namespace std {

[[noreturn]] void __throw_bad_array_new_length() { abort(); }

}  // namespace std
