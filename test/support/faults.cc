// An addon with one function, fault(name), that makes a memory error on purpose: it proves that the memory checks can
// fail. It is not part of the package.
#include <node_api.h>

#include <climits>
#include <cstdlib>
#include <cstring>

namespace {

volatile int sink;

// volatile: the optimizer would remove what it can see through.
void Commit(const char* fault) {
  volatile char* bytes = static_cast<char*>(malloc(16));
  volatile int number = INT_MAX;
  if (strcmp(fault, "leak") == 0) return;
  if (strcmp(fault, "overflow") == 0) bytes[16] = 1;
  if (strcmp(fault, "undefined") == 0) sink = number + 1;
  if (strcmp(fault, "uninitialised") == 0 && bytes[3] == 7) sink = 1;
  free(const_cast<char*>(bytes));
  if (strcmp(fault, "use after free") == 0) sink = bytes[0];
}

napi_value Fault(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument = nullptr;
  char name[32] = "";
  napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr);
  napi_get_value_string_utf8(env, argument, name, sizeof name, nullptr);
  Commit(name);
  return nullptr;
}

}  // namespace

NAPI_MODULE_INIT() {
  napi_value function = nullptr;
  napi_create_function(env, "fault", NAPI_AUTO_LENGTH, Fault, nullptr, &function);
  return function;
}
