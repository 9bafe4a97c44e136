// Reads the arguments that src/native.ts passes. The typed layer has validated them; what is read here only has to make a caller that
// goes round it a TypeError and not a crash.
#pragma once

#include <climits>
#include <cmath>

#include <napi.h>

namespace lingering_close {

// A descriptor, or -1, for which every system call answers EBADF. napi_get_value_int32 would wrap 2^32 round to descriptor 0.
inline int Descriptor(const Napi::CallbackInfo& info, size_t index) {
  double number;
  if (napi_get_value_double(info.Env(), info[index], &number) != napi_ok) return -1;
  return number >= 0 && number <= INT_MAX && std::trunc(number) == number ? static_cast<int>(number) : -1;
}

// False, with a TypeError pending, unless every one of the first `count` arguments is a number.
inline bool AreNumbers(const Napi::CallbackInfo& info, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (!info[i].IsNumber()) {
      Napi::TypeError::New(info.Env(), "argument " + std::to_string(i) + " must be a number").ThrowAsJavaScriptException();
      return false;
    }
  }
  return true;
}

inline Napi::Value Result(const Napi::CallbackInfo& info, double result) { return Napi::Number::New(info.Env(), result); }

inline double Number(const Napi::CallbackInfo& info, size_t index) { return info[index].As<Napi::Number>().DoubleValue(); }

}  // namespace lingering_close
