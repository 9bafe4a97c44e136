// The functions that JavaScript can call, by the file that defines them. Each gives a value >= 0, or -errno.
#pragma once

#include <napi.h>

namespace lingering_close {

// Tells this addon, in this form, from any other: src/system/load-addon.ts has the same number and takes no other.
// Raise both with every change of what a function below takes or gives.
inline constexpr int kContract = 1;

// socket_options.cc
Napi::Value SetLinger(const Napi::CallbackInfo& info);
Napi::Value GetLinger(const Napi::CallbackInfo& info);
Napi::Value PendingBytes(const Napi::CallbackInfo& info);
Napi::Value UnackedBytes(const Napi::CallbackInfo& info);
Napi::Value Send(const Napi::CallbackInfo& info);

// sigpipe.cc
Napi::Value GetSigpipe(const Napi::CallbackInfo& info);
Napi::Value SetSigpipe(const Napi::CallbackInfo& info);
Napi::Value GuardStdio(const Napi::CallbackInfo& info);
Napi::Value IsStdioBroken(const Napi::CallbackInfo& info);
Napi::Value DieBySigpipe(const Napi::CallbackInfo& info);

// round_trip.cc
Napi::Value RoundTrip(const Napi::CallbackInfo& info);

// linger_bindings.cc
Napi::Value OpenLingerLoop(const Napi::CallbackInfo& info);
Napi::Value CheckTakeover(const Napi::CallbackInfo& info);
Napi::Value IsOver(const Napi::CallbackInfo& info);
Napi::Value StartLinger(const Napi::CallbackInfo& info);
Napi::Value EndLinger(const Napi::CallbackInfo& info);
Napi::Value HoldDescriptor(const Napi::CallbackInfo& info);
Napi::Value ReleaseDescriptor(const Napi::CallbackInfo& info);
Napi::Value KeepBriefly(const Napi::CallbackInfo& info);
Napi::Value DrainLingers(const Napi::CallbackInfo& info);

}  // namespace lingering_close
