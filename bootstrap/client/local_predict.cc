#include "bootstrap/client/local_predict.h"

#include "bootstrap/client/temporary_folder.h"
#include "ml/serve/predict_text.h"
#include "ml/serve/predictor.h"
#include "ml/work/worker_pools.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <exception>
#include <optional>

namespace starling::bootstrap {
Result<std::string> predict_without_node(const std::filesystem::path& artifact,
                                         const std::string& csv) {
  auto question = ml::question_from_csv(csv);
  if (!question) return question.error();
  const auto folder = TemporaryFolder::make();
  if (!folder) return folder.error();

  boost::asio::io_context context(1);
  ml::WorkerPools pools(context.get_executor(), {});
  ml::Predictor predictor(context.get_executor(), pools, (*folder)->path());
  std::optional<Result<ml::Predictions>> outcome;
  std::exception_ptr thrown;
  const auto done = [&](std::exception_ptr failure, Result<ml::Predictions> predictions) {
    thrown = failure;
    outcome = std::move(predictions);
    context.stop();  // the pool itself never runs out of work
  };
  auto prediction = predictor.predict(artifact, question->rows, question->missing);
  boost::asio::co_spawn(context, std::move(prediction), done);
  context.run();
  if (thrown || !outcome) return Error{Errc::io, "the prediction broke off; is memory short?"};
  if (!*outcome) return outcome->error();
  return ml::answer_as_csv(*question, **outcome);
}

}  // namespace starling::bootstrap
