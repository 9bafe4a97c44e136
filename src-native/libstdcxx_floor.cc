// Containers compiled by GCC 11 or later call this function when they would outgrow the address space. Only a libstdc++
// of that age has the function (GLIBCXX_3.4.29), so a binary that imports it does not load on an older system. The
// addon is compiled without exceptions, so the original function could only end the process, too.
#include <stdlib.h>

namespace std {

[[noreturn]] void __throw_bad_array_new_length() { abort(); }

}  // namespace std
