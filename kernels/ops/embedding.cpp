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
  check_dtype(op, "ids", ids, DType::i32);
  if (segments) {
    check_shape(op, "segments", *segments, shape);
    check_dtype(op, "segments", *segments, DType::i32);
  }
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

/// Tables and their gradients are of accumulate_type beside activations `x`.
void check_table_types(const char* op, const Tables& tables, const Tensor& x) {
  for (const Tensor* table : {tables.tokens, tables.positions, tables.types})
    ORCHID_CHECK(!table || table->dtype() == accumulate_type(x.dtype()), op,
                 ": expected tables of ", name_of(accumulate_type(x.dtype())), " beside ",
                 name_of(x.dtype()), ", got ", name_of(table->dtype()));
}

void check_gather(const char* op, const Tensor& x, const char* x_name, const Tensor& rows,
                  const Tensor& y, const char* y_name) {
  ORCHID_CHECK(x.shape().rank() >= 2, op, ": ", x_name, ": expected (R, D), got ", x.shape());
  ORCHID_CHECK(rows.shape().rank() == 1, op, ": rows: expected (M), got ", rows.shape());
  check_dtype(op, "rows", rows, DType::i32);
  check_shape(op, y_name, y, {rows.count(), x.shape().last()});
  check_dtype(op, y_name, y, x.dtype());
}

}  // namespace

void Embedding::check() const {
  const Tables tables{tokens.tensor, positions.tensor, types.tensor};
  check_lookup(name, *ids, segments.tensor, tables, "");
  check_table_types(name, tables, *y);
  check_shape(name, "y", *y, {ids->shape()[0], ids->shape()[1], tokens->shape()[1]});
}

void EmbeddingGrad::check() const {
  const Tables tables{dtokens.tensor, dpositions.tensor, dtypes.tensor};
  check_lookup(name, *ids, segments.tensor, tables, "d");
  check_table_types(name, tables, *dy);
  check_shape(name, "dy", *dy, {ids->shape()[0], ids->shape()[1], dtokens->shape()[1]});
}

void GatherRows::check() const {
  check_gather(name, *x, "x", *rows, *y, "y");
}

void GatherRowsGrad::check() const {
  check_gather(name, *dx, "dx", *rows, *dy, "dy");
}

}  // namespace orchid::ops
