#include "kernels/ops/embedding.h"

namespace orchid::ops {
namespace {

/// The tables fit y (B, L, D); an undefined one is passed as null.
struct Tables {
  const Tensor* tokens;
  const Tensor* positions;
  const Tensor* types;
};

void check_lookup(const char* op, const Tensor& ids, const Tensor* segments, const Tables& tables,
                  const char* prefix) {
  const Shape& shape = ids.shape();
  ORCHID_CHECK(shape.rank() == 2, op, ": ids: expected (B, L), got ", shape);
  if (segments) check_shape(op, "segments", *segments, shape);
  const Shape& table = tables.tokens->shape();
  ORCHID_CHECK(table.rank() == 2, op, ": ", prefix, "tokens: expected (V, D), got ", table);
  if (tables.positions) {
    const Shape& rows = tables.positions->shape();
    ORCHID_CHECK(rows.rank() == 2 && rows[0] >= shape[1] && rows[1] == table[1], op, ": ", prefix,
                 "positions: expected at least ", Shape{shape[1], table[1]}, ", got ", rows);
  }
  if (tables.types) {
    const Shape& rows = tables.types->shape();
    ORCHID_CHECK(rows.rank() == 2 && rows[0] >= 1 && rows[1] == table[1], op, ": ", prefix,
                 "types: expected (T, ", table[1], "), got ", rows);
  }
}

void check_gather(const char* op, const Tensor& x, const char* x_name, const Tensor& rows,
                  const Tensor& y, const char* y_name) {
  ORCHID_CHECK(x.shape().rank() >= 2, op, ": ", x_name, ": expected (R, D), got ", x.shape());
  ORCHID_CHECK(rows.shape().rank() == 1, op, ": rows: expected (M), got ", rows.shape());
  check_shape(op, y_name, y, {rows.count(), x.shape().last()});
}

}  // namespace

void Embedding::check() const {
  check_lookup(name, *ids, segments.tensor, {tokens.tensor, positions.tensor, types.tensor}, "");
  check_shape(name, "y", *y, {ids->shape()[0], ids->shape()[1], tokens->shape()[1]});
}

void EmbeddingGrad::check() const {
  check_lookup(name, *ids, segments.tensor, {dtokens.tensor, dpositions.tensor, dtypes.tensor},
               "d");
  check_shape(name, "dy", *dy, {ids->shape()[0], ids->shape()[1], dtokens->shape()[1]});
}

void GatherRows::check() const {
  check_gather(name, *x, "x", *rows, *y, "y");
}

void GatherRowsGrad::check() const {
  check_gather(name, *dx, "dx", *rows, *dy, "dy");
}

}  // namespace orchid::ops
