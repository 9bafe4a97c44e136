// Reads the arguments that src/native.ts passes. The typed layer has validated them; what is read here only has to make
// a caller that goes round it a TypeError and not a crash.
#pragma once

#include <climits>
#include <cmath>
#include <string>

#include <napi.h>

namespace lingering_close {

// The first `count` arguments, each of which has to be a number. False where one is not: a TypeError is pending then.
// One N-API call an argument, for these calls are short.
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

// A descriptor, or -1, for which every system call answers EBADF. A plain conversion would wrap 2^32 round to
// descriptor 0.
inline int Descriptor(double number) {
  return number >= 0 && number <= INT_MAX && std::trunc(number) == number ? static_cast<int>(number) : -1;
}

inline Napi::Value Result(const Napi::CallbackInfo& info, double result) {
  return Napi::Number::New(info.Env(), result);
}

}  // namespace lingering_close
