// The memory of one libuv handle.
#pragma once

#include <algorithm>
#include <memory>

#include <uv.h>

namespace lingering_close {

// Freed with the object, so the owner must have closed the handle by then, or never have initialized it.
template <class T>
class UvHandle {
 public:
  // uv_handle_size, because the libuv of the host may have larger handles than the headers of this build.
  explicit UvHandle(uv_handle_type type) : memory_(new char[std::max(uv_handle_size(type), sizeof(T))]()) {}

  T* get() const { return reinterpret_cast<T*>(memory_.get()); }
  uv_handle_t* base() const { return reinterpret_cast<uv_handle_t*>(memory_.get()); }

 private:
  const std::unique_ptr<char[]> memory_;
};

}  // namespace lingering_close
