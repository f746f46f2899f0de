#pragma once

#include <memory>
#include <vector>

#include "kernels/core/dtype.h"
#include "kernels/core/memory.h"
#include "kernels/core/shape.h"

namespace orchid {

/// A dense, row-major, contiguous array. A handle: copying shares the storage.
class Tensor {
 public:
  Tensor() = default;
  /// Uninitialised, from `memory`.
  static Tensor empty(const Shape&, DType, const std::shared_ptr<Memory>& memory);

  const Shape& shape() const { return shape_; }
  DType dtype() const { return dtype_; }
  Device device() const;
  bool defined() const { return buffer_ != nullptr; }
  std::int64_t count() const { return shape_.count(); }
  std::size_t bytes() const { return static_cast<std::size_t>(count()) * size_of(dtype_); }

  /// Typed access; throws if T is not the stored type or the tensor is undefined.
  template <class T>
  T* data() {
    return static_cast<T*>(pointer(dtype_of<T>()));
  }
  template <class T>
  const T* data() const {
    return static_cast<const T*>(pointer(dtype_of<T>()));
  }
  /// The address, for copies between memories; null where undefined.
  void* raw() { return defined() ? pointer(dtype_) : nullptr; }
  const void* raw() const { return defined() ? pointer(dtype_) : nullptr; }

  /// The same elements under another shape of equal count; shares the storage.
  Tensor reshape(const Shape&) const;
  /// `shape.count()` elements from element `offset` on; shares the storage.
  Tensor slice(std::int64_t offset, const Shape& shape) const;
  const std::shared_ptr<Memory>& memory() const;

 private:
  void* pointer(DType wanted) const;

  std::shared_ptr<Buffer> buffer_;
  std::int64_t offset_ = 0;  ///< in elements
  Shape shape_;
  DType dtype_ = DType::f32;
};

/// Copies the elements of `from` into `to`, of the same type and count, on any devices.
void copy(const Tensor& from, Tensor& to);

/// copy() from host memory to any device, by Memory::upload: of what comes anew with each step.
void upload(const Tensor& from, Tensor& to);

/// The same elements in `memory`: the tensor itself where it lies there, else a copy.
Tensor to_memory(const Tensor&, const std::shared_ptr<Memory>& memory);

/// The elements where the host can read them; waits for a device to compute them.
Tensor to_host(const Tensor&);

/// All elements, converted, wherever they lie; waits for a device to compute them.
std::vector<double> values_of(const Tensor&);

/// Sets all elements of `tensor`, rounded to its type.
void set_values(Tensor& tensor, const std::vector<double>& values);

/// How an op uses an operand. They borrow: valid only as long as the call.
/// An operand that an op calls optional may be left out; it then holds an undefined tensor.
struct In {
  In(const Tensor& t) : tensor(&t) {}  // NOLINT: conversion is the point
  const Tensor* tensor;                ///< read only
  bool defined() const { return tensor->defined(); }
  const Tensor* operator->() const { return tensor; }
  const Tensor& operator*() const { return *tensor; }
};
struct Out {
  Out(Tensor& t) : tensor(&t) {}  // NOLINT
  Tensor* tensor;                 ///< overwritten
  bool defined() const { return tensor->defined(); }
  Tensor* operator->() const { return tensor; }
  Tensor& operator*() const { return *tensor; }
};
struct Acc {
  Acc(Tensor& t) : tensor(&t) {}  // NOLINT
  Tensor* tensor;                 ///< added to (+=)
  bool defined() const { return tensor->defined(); }
  Tensor* operator->() const { return tensor; }
  Tensor& operator*() const { return *tensor; }
};

/// Operands that may be left out: default to an undefined tensor.
struct OptionalIn {
  OptionalIn() = default;
  OptionalIn(const Tensor& t) : tensor(t.defined() ? &t : nullptr) {}  // NOLINT
  const Tensor* tensor = nullptr;
  bool defined() const { return tensor != nullptr; }
  const Tensor* operator->() const { return tensor; }
  const Tensor& operator*() const { return *tensor; }
};
struct OptionalOut {
  OptionalOut() = default;
  OptionalOut(Tensor& t) : tensor(t.defined() ? &t : nullptr) {}  // NOLINT
  Tensor* tensor = nullptr;
  bool defined() const { return tensor != nullptr; }
  Tensor* operator->() const { return tensor; }
  Tensor& operator*() const { return *tensor; }
};
struct OptionalAcc {
  OptionalAcc() = default;
  OptionalAcc(Tensor& t) : tensor(t.defined() ? &t : nullptr) {}  // NOLINT
  Tensor* tensor = nullptr;
  bool defined() const { return tensor != nullptr; }
  Tensor* operator->() const { return tensor; }
  Tensor& operator*() const { return *tensor; }
};

}  // namespace orchid
