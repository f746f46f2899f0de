#include "model/model.h"

#include "model/bert.h"

namespace orchid::model {

std::unique_ptr<Model> build_model(Context& ctx, const ModelConfig& config, std::uint64_t seed,
                                   const HeadConfig& head) {
  validate(config);
  return std::visit(
      [&](const BertConfig& bert) -> std::unique_ptr<Model> {
        return std::make_unique<Bert>(Init(ctx, seed, LinearInit::bert), bert, head);
      },
      config);
}

}  // namespace orchid::model
