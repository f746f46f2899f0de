#include "kernels/core/tensor.h"

namespace orchid {

Tensor Tensor::empty(const Shape& shape, DType dtype, const std::shared_ptr<Memory>& memory) {
  Tensor tensor;
  tensor.shape_ = shape;
  tensor.dtype_ = dtype;
  tensor.buffer_ = std::make_shared<Buffer>(memory, tensor.bytes());
  return tensor;
}

Device Tensor::device() const {
  ORCHID_CHECK(defined(), "tensor: undefined");
  return buffer_->memory()->device();
}

const std::shared_ptr<Memory>& Tensor::memory() const {
  ORCHID_CHECK(defined(), "tensor: undefined");
  return buffer_->memory();
}

Tensor Tensor::reshape(const Shape& shape) const {
  ORCHID_CHECK(shape.count() == count(), "reshape: ", shape_, " to ", shape);
  Tensor view = *this;
  view.shape_ = shape;
  return view;
}

Tensor Tensor::slice(std::int64_t offset, const Shape& shape) const {
  ORCHID_CHECK(offset >= 0 && offset + shape.count() <= count(), "slice: ", shape, " at ", offset,
               " of ", shape_);
  Tensor view = *this;
  view.shape_ = shape;
  view.offset_ += offset;
  return view;
}

void* Tensor::pointer(DType wanted) const {
  ORCHID_CHECK(defined(), "tensor: undefined");
  ORCHID_CHECK(wanted == dtype_, "tensor ", shape_, ": expected ", name_of(wanted), ", holds ",
               name_of(dtype_));
  return static_cast<char*>(buffer_->data()) + static_cast<std::size_t>(offset_) * size_of(dtype_);
}

namespace {

void check_alike(const char* name, const Tensor& from, const Tensor& to) {
  ORCHID_CHECK(from.dtype() == to.dtype() && from.count() == to.count(), name, ": ", from.shape(),
               " ", name_of(from.dtype()), " to ", to.shape(), " ", name_of(to.dtype()));
}

}  // namespace

void copy(const Tensor& from, Tensor& to) {
  check_alike("copy", from, to);
  const std::size_t bytes = from.bytes();
  const bool from_host = from.device().type == DeviceType::cpu;
  const bool to_host = to.device().type == DeviceType::cpu;
  if (from_host) {
    to.memory()->copy_from_host(to.raw(), from.raw(), bytes);
  } else if (to_host) {
    from.memory()->copy_to_host(to.raw(), from.raw(), bytes);
  } else {
    ORCHID_CHECK(from.device() == to.device(), "copy: from ", from.device(), " to ", to.device());
    to.memory()->copy(to.raw(), from.raw(), bytes);
  }
}

void upload(const Tensor& from, Tensor& to) {
  check_alike("upload", from, to);
  ORCHID_CHECK(from.device().type == DeviceType::cpu, "upload: from ", from.device());
  to.memory()->upload(to.raw(), from.raw(), from.bytes());
}

Tensor to_memory(const Tensor& tensor, const std::shared_ptr<Memory>& memory) {
  if (!tensor.defined() || tensor.device() == memory->device()) return tensor;
  Tensor result = Tensor::empty(tensor.shape(), tensor.dtype(), memory);
  copy(tensor, result);
  return result;
}

Tensor to_host(const Tensor& tensor) {
  if (!tensor.defined() || tensor.device().type == DeviceType::cpu) return tensor;
  return to_memory(tensor, make_host_pool());
}

std::vector<double> values_of(const Tensor& tensor) {
  const Tensor host = to_host(tensor);
  std::vector<double> values(static_cast<std::size_t>(host.count()));
  dispatch_any(host.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* data = host.data<T>();
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(data[i]);
  });
  return values;
}

void set_values(Tensor& tensor, const std::vector<double>& values) {
  ORCHID_CHECK(tensor.count() == std::ssize(values), "set_values: expected ", tensor.count(),
               " values for ", tensor.shape(), ", got ", values.size());
  Tensor host = Tensor::empty(tensor.shape(), tensor.dtype(), make_host_pool());
  dispatch_any(tensor.dtype(), [&](auto zero) {
    using T = decltype(zero);
    T* data = host.data<T>();
    for (std::size_t i = 0; i < values.size(); ++i) data[i] = static_cast<T>(values[i]);
  });
  copy(host, tensor);
}

}  // namespace orchid
