#include "model/model.h"

#include "model/bert.h"
#include "model/vit.h"

namespace orchid::model {

namespace {

/// One call operator a network.
struct Build {
  const Init& init;
  const HeadConfig& head;

  std::unique_ptr<Model> operator()(const BertConfig& bert) const {
    return std::make_unique<Bert>(init, bert, head);
  }
  std::unique_ptr<Model> operator()(const VitConfig& vit) const {
    return std::make_unique<Vit>(init, vit, head);
  }
};

}  // namespace

Tensor Model::states(Context&, const Input&) const {
  throw Error("states: expected a network of texts", ErrorKind::usage);
}

std::unique_ptr<Model> build_model(Context& ctx, const ModelConfig& config, std::uint64_t seed,
                                   const HeadConfig& head) {
  validate(config);
  const Init init(ctx, seed, LinearInit::normal);
  return std::visit(Build{init, head}, config);
}

}  // namespace orchid::model
