// The memory of one libuv handle.
#pragma once

#include <algorithm>
#include <cstdlib>

#include <uv.h>

namespace lingering_close {

// Freed with the object, so the owner must have closed the handle by then, or never have initialized it.
template <class T>
class UvHandle {
 public:
  // uv_handle_size, because the libuv of the host may have larger handles than the headers of this build. calloc,
  // because `new` would throw where there is no memory, and nothing here catches.
  explicit UvHandle(uv_handle_type type) : memory_(calloc(1, std::max(uv_handle_size(type), sizeof(T)))) {}
  ~UvHandle() { free(memory_); }
  UvHandle(const UvHandle&) = delete;
  UvHandle& operator=(const UvHandle&) = delete;

  // False where there was no memory.
  explicit operator bool() const { return memory_ != nullptr; }
  T* get() const { return static_cast<T*>(memory_); }
  uv_handle_t* base() const { return static_cast<uv_handle_t*>(memory_); }

 private:
  void* const memory_;
};

}  // namespace lingering_close
