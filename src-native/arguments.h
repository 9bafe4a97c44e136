// Reads the arguments of the functions that JavaScript calls (src/system/addon.ts). The TypeScript layer has validated
// them. The checks here only turn a call that bypasses it into a TypeError instead of a crash.
#pragma once

#include <climits>
#include <cmath>
#include <string>

#include <napi.h>

namespace lingering_close {

// The first `count` arguments, which have to be numbers. False where one is not: then a TypeError is pending. Each
// argument costs one call of Node-API, because most of these functions take less time than a few such calls.
template <size_t count>
class Numbers {
 public:
  explicit Numbers(const Napi::CallbackInfo& info) {
    for (size_t i = 0; i < count && ok_; i++) {
      ok_ = napi_get_value_double(info.Env(), info[i], &values_[i]) == napi_ok;
      if (!ok_)
        Napi::TypeError::New(info.Env(), "argument " + std::to_string(i) + " must be a number")
            .ThrowAsJavaScriptException();
    }
  }

  explicit operator bool() const { return ok_; }
  double operator[](size_t index) const { return values_[index]; }

 private:
  bool ok_ = true;
  double values_[count] = {};
};

// A descriptor, or -1, for which every system call gives EBADF. A plain conversion would turn 2^32 into descriptor 0.
inline int Descriptor(double number) {
  return number >= 0 && number <= INT_MAX && std::trunc(number) == number ? static_cast<int>(number) : -1;
}

inline Napi::Value Result(const Napi::CallbackInfo& info, double result) {
  return Napi::Number::New(info.Env(), result);
}

}  // namespace lingering_close
