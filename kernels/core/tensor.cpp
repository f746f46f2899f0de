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

}  // namespace orchid
