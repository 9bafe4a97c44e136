// Reads the arguments of the functions that JavaScript calls (src/system/addon.ts). The TypeScript layer has validated
// them. The checks here only turn a call that bypasses it into a TypeError instead of a crash.
#pragma once

#include <climits>
#include <cmath>

#include <napi.h>

namespace lingering_close {

// Reads the first `count` arguments, which have to be numbers. False where one is not: then a TypeError is pending.
// Each argument costs one call of Node-API, because most of these functions take less time than a few such calls.
inline bool ReadNumbers(const Napi::CallbackInfo& info, double* values, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (napi_get_value_double(info.Env(), info[i], &values[i]) == napi_ok) continue;
    char message[] = "argument 0 must be a number";
    message[sizeof "argument " - 1] = static_cast<char>('0' + i);
    napi_throw_type_error(info.Env(), nullptr, message);
    return false;
  }
  return true;
}

// The first `count` arguments, by ReadNumbers. One function for all counts: the code of each copy would be 1.5 KB.
template <size_t count>
class Numbers {
  static_assert(count <= 10, "the message of ReadNumbers has one digit");

 public:
  explicit Numbers(const Napi::CallbackInfo& info) : ok_(ReadNumbers(info, values_, count)) {}

  explicit operator bool() const { return ok_; }
  double operator[](size_t index) const { return values_[index]; }

 private:
  double values_[count] = {};
  const bool ok_;
};

// A descriptor, or -1, for which every system call gives EBADF. A plain conversion would turn 2^32 into descriptor 0.
inline int Descriptor(double number) {
  return number >= 0 && number <= INT_MAX && std::trunc(number) == number ? static_cast<int>(number) : -1;
}

inline Napi::Value Result(const Napi::CallbackInfo& info, double result) {
  return Napi::Number::New(info.Env(), result);
}

}  // namespace lingering_close
