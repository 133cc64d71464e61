// The verbs of the command line: one file each, one line here and in main.cc.
#ifndef LITESMITH_CLI_VERB_H_
#define LITESMITH_CLI_VERB_H_

namespace CLI {
class App;
}  // namespace CLI

namespace litesmith {

// Each adds its subcommand with options, help and a callback that does the
// work and throws Error.
void AddNew(CLI::App* app);
void AddTrain(CLI::App* app);
void AddOptimize(CLI::App* app);
void AddConvert(CLI::App* app);
void AddEvaluate(CLI::App* app);
void AddRun(CLI::App* app);
void AddAdvise(CLI::App* app);
void AddCompare(CLI::App* app);
void AddBenchmark(CLI::App* app);
void AddInspect(CLI::App* app);
void AddList(CLI::App* app);
void AddStudy(CLI::App* app);
void AddReport(CLI::App* app);
// Hidden: for those who install the program.
void AddCompletion(CLI::App* app);

}  // namespace litesmith

#endif  // LITESMITH_CLI_VERB_H_
