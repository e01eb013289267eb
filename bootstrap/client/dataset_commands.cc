#include "bootstrap/client/commands.h"
#include "bootstrap/client/report_text.h"
#include "bootstrap/client/study_session.h"

#include <CLI/CLI.hpp>

namespace starling::bootstrap {
namespace {

struct AddOptions : ClientOptions {
  std::string file;
  std::string name;
  TableFlags table;
};

struct OneOptions : ClientOptions {
  std::string id;
};

Ending list_datasets(const ClientOptions& options) {
  auto swarm = client_of(options);
  if (!swarm) return swarm.error();
  const auto datasets = swarm->get("/api/v1/datasets");
  if (!datasets) return datasets.error();
  if (options.json)
    print_json(*datasets);
  else
    Screen(stdout).say(datasets_text(*datasets, style_of(stdout)));
  return kDone;
}

Ending show_dataset(const OneOptions& options) {
  auto swarm = client_of(options);
  if (!swarm) return swarm.error();
  const auto id = find_dataset_id(*swarm, options.id);
  if (!id) return id.error();
  const auto dataset = swarm->get("/api/v1/datasets/" + url_encoded(*id));
  if (!dataset) return dataset.error();
  if (options.json)
    print_json(*dataset);
  else
    Screen(stdout).say(dataset_text(*dataset, style_of(stdout)));
  return kDone;
}

Ending add_dataset(const AddOptions& options) {
  auto swarm = client_of(options);
  if (!swarm) return swarm.error();
  Screen screen(people_file(options));
  const std::string name = options.name.empty() ? name_of_file(options.file) : options.name;
  TableFlags table = options.table;
  table.is_named = !options.name.empty();
  const auto dataset = upload_once(*swarm, options.file, name, table, screen);
  if (!dataset) return dataset.error();
  if (options.json)
    print_json(*dataset);
  else
    screen.say(dataset_text(*dataset, screen.style()));
  return kDone;
}

Ending remove_dataset(const OneOptions& options) {
  auto swarm = client_of(options);
  if (!swarm) return swarm.error();
  const auto id = find_dataset_id(*swarm, options.id);
  if (!id) return id.error();
  const auto removed = swarm->erase("/api/v1/datasets/" + url_encoded(*id));
  if (!removed) return removed.error();
  if (options.json)
    print_json(*removed);
  else
    Screen(stdout).say("removed dataset " + printable(*id));
  return kDone;
}

}  // namespace

void add_dataset_commands(CLI::App& app, Chosen& chosen) {
  CLI::App* group = add_group(app, "dataset", "Tables that studies learn from");
  add_command<ClientOptions>(*group,
                             "list",
                             "List the datasets",
                             "Example: starling dataset list",
                             chosen,
                             list_datasets,
                             [](CLI::App&, ClientOptions&) {});
  add_command<OneOptions>(
      *group,
      "show",
      "Show a dataset's columns",
      "Example: starling dataset show insurance",
      chosen,
      show_dataset,
      [](CLI::App& command, OneOptions& options) {
        command.add_option("DATASET", options.id, "Id or name of the dataset")->required();
      });
  add_command<AddOptions>(
      *group,
      "add",
      "Upload a CSV file",
      "Example: starling dataset add houses.csv --name houses --type zip=category --role "
      "row=ignore",
      chosen,
      add_dataset,
      [](CLI::App& command, AddOptions& options) {
        command.add_option("FILE", options.file, "CSV file")->required()->check(CLI::ExistingFile);
        command.add_option("--name", options.name, "Its name in the swarm (default: the file's)");
        add_table_flags(command, options.table);
      });
  add_command<OneOptions>(
      *group,
      "rm",
      "Remove a dataset",
      "Example: starling dataset rm houses",
      chosen,
      remove_dataset,
      [](CLI::App& command, OneOptions& options) {
        command.add_option("DATASET", options.id, "Id or name of the dataset")->required();
      });
}

}  // namespace starling::bootstrap
