// Module init and the table of exports. The typed contract with JavaScript is src/system/addon.ts.
#include <napi.h>

#include "exports.h"
#include "platform.h"

namespace lingering_close {

template <Napi::Value (*Function)(const Napi::CallbackInfo&)>
void Export(Napi::Object exports, const char* name) {
  exports.Set(name, Napi::Function::New<Function>(exports.Env(), name));
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  Export<SetLinger>(exports, "setLinger");
  Export<GetLinger>(exports, "getLinger");
  Export<PendingBytes>(exports, "pendingBytes");
  Export<UnackedBytes>(exports, "unackedBytes");
  Export<Send>(exports, "send");
  Export<GetSigpipe>(exports, "getSigpipe");
  Export<SetSigpipe>(exports, "setSigpipe");
  Export<GuardStdio>(exports, "guardStdio");
  Export<IsStdioBroken>(exports, "isStdioBroken");
  Export<DieBySigpipe>(exports, "dieBySigpipe");
  exports.Set("lingeringClose", Napi::Number::New(env, kContract));
  exports.Set("maxLingerSeconds", Napi::Number::New(env, platform::kMaxLingerSeconds));
  if constexpr (platform::kHasLingerLoop) {
    Export<RoundTrip>(exports, "roundTrip");
    Export<OpenLingerLoop>(exports, "openLingerLoop");
    Export<CheckTakeover>(exports, "checkTakeover");
    Export<IsOver>(exports, "isOver");
    Export<StartLinger>(exports, "startLinger");
    Export<EndLinger>(exports, "endLinger");
    Export<HoldDescriptor>(exports, "holdDescriptor");
    Export<ReleaseDescriptor>(exports, "releaseDescriptor");
    Export<KeepBriefly>(exports, "keepBriefly");
    Export<DrainLingers>(exports, "drainLingers");
  }
  return exports;
}

NODE_API_MODULE(NODE_GYP_MODULE_NAME, Init)

}  // namespace lingering_close
