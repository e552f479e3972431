/* help.c - `sluice help` and `sluice version`: one table of texts. */
#include "client/cli/cli.h"
#include "client/cli/text/json_out.h"
#include "client/cli/verbs/verbs.h"

#include <string.h>

struct help {
    const char *verb, *usage, *summary, *text;
};

#define REFERENCE_TEXT                                                                   \
    "RUN is a run's number, \"last\", or a prefix of its id. STAGE is a stage's name "   \
    "or\n"                                                                               \
    "a prefix that only one has. N is the number of a task in it, from 0.\n"             \
    "Where a run has one stage only, RUN is enough for RUN/STAGE.\n"

static const struct help helps[] = {
    { "run", "sluice run [PIPELINE | --step STEP] [OPTION]...",
      "run a pipeline or a single step",
      "Takes a snapshot of the code, starts the run and shows it until it ends. Without\n"
      "a name the file's only pipeline is run. Names may be cut to a unique prefix.\n"
      "\n"
      "  --step STEP            run one step by itself\n"
      "  -p NAME=VALUE          set a parameter; -p STAGE.NAME=VALUE for one stage\n"
      "  -i NAME=URI            give an input a file (a path, file:, http:, https:,\n"
      "                         datum:, dataset:);\n"
      "                         -i STAGE.NAME=URI for one stage; repeat for more files\n"
      "  --title TEXT           what the run is called in lists\n"
      "  -d, --detach           do not wait for the end\n"
      "  --priority N           -1000 to 1000; higher goes first (0)\n"
      "  --seed N               seed of random sweeps that have none of their own\n"
      "  --reuse                use the results of equal earlier executions\n"
      "  --no-reuse             run everything, whatever file and settings say\n"
      "\n"
      "Exit status: 0 complete, 1 failed, 2 wrong usage or file, 3 no broker, 4 "
      "stopped.\n" },
    { "lint", "sluice lint [FILE]...", "check pipeline files",
      "Prints all findings as file:line:column: error|warning: message.\n"
      "Exit status: 0 no errors, 1 errors.\n" },
    { "ls", "sluice ls [-n N] [--tag TAG]", "list runs, the newest first",
      "  -n, --limit N          at most N runs (20)\n"
      "  --tag TAG              only those that have the tag\n" },
    { "show", "sluice show RUN[/STAGE[/N]]", "show a run, a stage or a task",
      REFERENCE_TEXT },
    { "explain", "sluice explain RUN[/STAGE[/N]]",
      "say why something waits, failed or was run",
      "Says in one sentence what a run, a stage or a task waits for, why it is tried\n"
      "again, or why it failed, and what would help. Of what was run: the nearest\n"
      "earlier success, and what differs from it; of what was not: whose result it "
      "uses.\n"
      "Of a run that is complete, that of each stage.\n"
      "\n" REFERENCE_TEXT },
    { "logs", "sluice logs [-f] [OPTION]... RUN/STAGE[/N]", "print what a task wrote",
      "  -f, --follow           go on until the task ends\n"
      "  --stdout, --stderr     only this stream, byte by byte\n"
      "  --status               what the runtime says about the task\n"
      "  -t, --times            the time before each line\n"
      "  --attempt N            an earlier attempt (the last one)\n"
      "\n" REFERENCE_TEXT },
    { "outputs", "sluice outputs [-d DIR] [--overwrite] RUN[/STAGE[/N]]",
      "list or download output files",
      "  -d, --directory DIR    download into DIR, checked against their hashes\n"
      "  --overwrite            replace files that are there\n"
      "\n"
      "Of a run of several stages, each stage gets a folder with its name.\n"
      "Of several tasks, each gets a folder of its own (its number) when names collide.\n"
      "Of several files of one name from one task the last keeps it, earlier ones get\n"
      ".~1~, .~2~ and so on.\n"
      "\n" REFERENCE_TEXT },
    { "metadata", "sluice metadata [--series] RUN/STAGE[/N]", "print metadata",
      "  --series               every line that was printed, not only the latest values\n"
      "\n" REFERENCE_TEXT },
    { "datum", "sluice datum ls|show|add ...", "files by their names: list, show, add",
      "  sluice datum ls [-t TAG] [--run RUN] [-n N] [GLOB]\n"
      "  sluice datum show DATUM\n"
      "  sluice datum add [--alias NAME] [-t TAG]... [--name NAME] FILE\n"
      "\n"
      "A datum is an output of a task, or a file that was added. DATUM is an id, an "
      "alias,\n"
      "or datum://ID or datum://ALIAS, as inputs take it (sluice run -i NAME=URI).\n"
      "\n"
      "  -t, --tag TAG          ls: only those with the tag; add: give it this tag\n"
      "  --run RUN              ls: only those that the run made\n"
      "  -n, --limit N          ls: at most N (50)\n"
      "  --alias NAME           add: let the alias point to it\n"
      "  --name NAME            add: what it is called; else as the file\n" },
    { "alias", "sluice alias ls|set|rm|history ...",
      "names that move from datum to datum",
      "  sluice alias ls\n"
      "  sluice alias set NAME DATUM\n"
      "  sluice alias set dataset://DATASET/NAME VERSION\n"
      "  sluice alias rm NAME\n"
      "  sluice alias history NAME\n"
      "\n"
      "An input takes what an alias points to when the run is made.\n" },
    { "tag", "sluice tag add|rm RUN|datum://DATUM TAG...", "tag runs and datums", "" },
    { "dataset", "sluice dataset ls|show|create|add ...", "versions of sets of files",
      "  sluice dataset ls [DATASET]\n"
      "  sluice dataset show DATASET/VERSION\n"
      "  sluice dataset create [--from DATASET/VERSION] [--exclude FILE]...\n"
      "                        DATASET/VERSION [DATUM]...\n"
      "  sluice dataset add DATASET/VERSION DATUM...\n"
      "\n"
      "  --from VERSION         begin with the files of that version\n"
      "  --exclude FILE         but not with the file of this name\n"
      "\n"
      "VERSION may be an alias of one, or \"latest\" where one is looked up.\n" },
    { "record", "sluice record RUN[/STAGE[/N]]", "show what results were made of",
      "Of a task: code, command, image, environment, variables, parameters, inputs,\n"
      "outputs, metadata, end, what it used, who asked, and its place in the chain of\n"
      "versions. Of several tasks, a list of their versions; --json gives all.\n"
      "\n" REFERENCE_TEXT },
    { "compare", "sluice compare [OPTION]... [RUN[/STAGE[/N]] | FIRST-LAST]...",
      "put runs or tasks beside each other",
      "A table of the parameters that differ and of the latest metrics: a row for each\n"
      "run, or for each task where a stage is named. Without a run, of all that the\n"
      "filters let pass. FIRST..LAST is a range, too.\n"
      "\n"
      "  -a, --all              all parameters, not only those that differ\n"
      "  -m, --metric NAME,...  only these metrics, in this order\n"
      "  -s, --sort NAME        by this column; --sort -NAME: the greatest first. Also\n"
      "                         run, task, stage, state, seconds\n"
      "  -w, --where EXPRESSION only rows that meet it, as in 'accuracy > 0.9'\n"
      "  --state STATE,...      only rows in these states\n"
      "  --pipeline NAME        only runs of this pipeline\n"
      "  --step NAME            the tasks of this step, a row for each\n"
      "  -n, --last N           only the newest N runs\n"
      "  -t, --top N            only the first N rows, after sorting\n"
      "  --csv, --md            print CSV or a Markdown table\n"
      "\n"
      "In names, metadata.NAME and parameter.NAME tell which is meant; where a run has\n"
      "several stages, they are STAGE.NAME, of which the end is enough.\n"
      "\n" REFERENCE_TEXT },
    { "diff", "sluice diff A B", "say what differs between two runs",
      "A and B are two runs, or a stage or task of each. Says what differs in code "
      "(line\n"
      "by line, if both are stored, by git or diff), command, parameters, inputs,\n"
      "variables, environment, outputs, metrics, end, time and resources.\n"
      "\n"
      "Exit status: 0 nothing differs but time and resources, 1 something does.\n"
      "\n" REFERENCE_TEXT },
    { "plot", "sluice plot [OPTION]... RUN/STAGE[/N]... METRIC", "draw metrics",
      "Draws what tasks printed of a metric, line by line, a curve for each task, on "
      "the\n"
      "terminal or as SVG. gnuplot draws.\n"
      "\n"
      "  -x, --x KEY            over another key of the same lines\n"
      "  --scatter NAME         a point for each task: the latest METRIC over a "
      "parameter\n"
      "                         or metric NAME; takes runs as `sluice compare` does\n"
      "  --svg FILE             write SVG into FILE (-: print it)\n"
      "\n" REFERENCE_TEXT },
    { "reproduce", "sluice reproduce [-v NAME=VALUE]... RUN/STAGE[/N]",
      "run something again exactly",
      "Runs a task, or all tasks of a stage, once more with the same code, command,\n"
      "parameters and inputs, whatever has become of the files since, and says of each\n"
      "output whether it has the same bytes. Nothing is reused. What a node fetched from "
      "a\n"
      "URI has to have the same bytes, too.\n"
      "\n"
      "  -v, --variable NAME=VALUE\n"
      "                         a secret, which no record holds; else it is looked for\n"
      "                         in the pipeline file as it was\n"
      "\n"
      "Exit status: 0 all outputs are equal, 5 they are not, others as of `sluice run`.\n"
      "\n" REFERENCE_TEXT },
    { "verify", "sluice verify [--head HASH|FILE] [--allow-missing] [RUN]",
      "check that no record and no file was changed",
      "Checks the chain of versions, the hashes in each, and every file that they name;\n"
      "with RUN, only the files and results of that run. Names the first that was\n"
      "changed.\n"
      "\n"
      "  --head HASH|FILE       what an earlier verify printed, or an exported run's\n"
      "                         file, kept elsewhere: a version must still have it\n"
      "  --allow-missing        files that are not in the store are only counted\n"
      "\n"
      "Exit status: 0 nothing was changed, 1 something was.\n" },
    { "export", "sluice export [-o FILE] RUN", "write a run with all its files into one",
      "The run has to have ended. The file is a tar that `sluice import` reads on "
      "another\n"
      "machine; FILE is run-<id>.sluice if not given.\n"
      "\n"
      "  -o, --output FILE      write to FILE\n" },
    { "import", "sluice import FILE", "take in a run that was exported elsewhere",
      "The whole file is checked before anything is stored; a run that is here already "
      "is\n"
      "refused.\n" },
    { "trace", "sluice trace [--down] [--depth N] [--dot] ARTIFACT|FILE|RUN[/STAGE[/N]]",
      "show where a file or a result came from",
      "Goes back over the stages that made it to the first inputs and the commit.\n"
      "ARTIFACT is sha256: and digits, or datum:// or dataset:// and a name. What "
      "several\n"
      "ways lead to is shown once. Many files between two stages are one line.\n"
      "\n"
      "  --down                 what was made from it\n"
      "  --depth N              over at most N stages (default: 100)\n"
      "  --dot                  for Graphviz: sluice trace --dot last | dot -Tsvg\n"
      "\n" REFERENCE_TEXT },
    { "backup", "sluice backup [--from FOLDER] [--prune] DIR",
      "copy store and artifacts while work goes on",
      "Makes DIR a folder that a broker can start on, with the state of one moment. The\n"
      "next backup into it copies what is new. One that is cut off leaves the former\n"
      "whole. It reads the broker's files: run it on the broker's machine.\n"
      "\n"
      "  --from FOLDER          the broker's folder; else the project's .sluice\n"
      "  --prune                remove artifacts from DIR that the broker removed\n" },
    { "check", "sluice check [--bytes] [FOLDER]", "check that a store is sound",
      "Reads all tables of a broker's folder, or of a backup, and checks that each "
      "record\n"
      "decodes, that records refer to what is there, that numbers have no gaps, that a\n"
      "broker could go on from it, and that stored files have their sizes. Names each\n"
      "fault with table and key. The broker may be running. (verify is about results:\n"
      "that what was computed is unchanged; check is about the store: that the broker\n"
      "can use it.)\n"
      "\n"
      "  --bytes                read all stored files and check their hashes, too\n"
      "\n"
      "Exit status: 0 sound, 1 not.\n" },
    { "du", "sluice du", "show what holds how much of the store",
      "By kind of file, each counted once, and by run: all that it refers to, and what\n"
      "no other run does.\n" },
    { "gc",
      "sluice gc [--older-than TIME] [--keep-last N] [--runs LIST] [--grace TIME] "
      "[--yes]",
      "remove files that nothing needs",
      "Says what may go, and why; --yes removes it. Records and hashes stay. Without a\n"
      "policy, all files of all runs stay; of several policies all have to agree.\n"
      "\n"
      "  --older-than TIME      files of runs that ended so long ago may go: 30d\n"
      "  --keep-last N          but not of the last N runs of a pipeline\n"
      "  --runs LIST            only of these: 3,5-9\n"
      "  --grace TIME           what was stored or asked for since stays (default: 1d);\n"
      "                         0: as short as is safe\n"
      "  -y, --yes              do it\n" },
    { "cancel", "sluice cancel RUN", "end a run", "" },
    { "approve", "sluice approve RUN STAGE", "let a waiting stage go on", "" },
    { "reject", "sluice reject RUN STAGE", "refuse a waiting stage, which ends the run",
      "" },
    { "watch", "sluice watch [--since N] [RUN]", "print events as they happen",
      "  --since N              also those after event N; 0 for all\n" },
    { "nodes", "sluice nodes", "list the machines that run tasks", "" },
    { "status", "sluice status", "show the broker", "" },
    { "stop", "sluice stop [--force]", "end the project's private broker and node",
      "  --force                also when a run is active: its tasks are stopped\n" },
    { "help", "sluice help [VERB]", "explain a verb", "" },
    { "version", "sluice version", "print the version", "" },
};

/* In which order `sluice help` lists the verbs. The last group has what no other names.
 */
static const struct {
    const char *title, *verbs;
} groups[] = {
    { "Run", "run lint cancel approve reject" },
    { "Look", "ls show explain logs outputs metadata watch" },
    { "Results explained", "record trace diff compare plot reproduce verify" },
    { "Names of data", "datum alias tag dataset" },
    { "Take elsewhere, keep, remove", "export import backup check du gc" },
    { "Broker and nodes", "status nodes stop" },
    { "Other", NULL },
};

static const struct help *find(const char *verb)
{
    for (size_t i = 0; i < COUNT_OF(helps); i++)
        if (verb && strcmp(helps[i].verb, verb) == 0)
            return &helps[i];
    return NULL;
}

const char *help_usage(const char *verb)
{
    const struct help *help = find(verb);

    return help ? help->usage : "sluice help";
}

static bool is_in(const char *words, const char *word)
{
    size_t size = strlen(word);

    for (const char *at = strstr(words, word); at; at = strstr(at + 1, word))
        if ((at == words || at[-1] == ' ') && (!at[size] || at[size] == ' '))
            return true;
    return false;
}

static size_t group_of(const char *verb)
{
    size_t last = COUNT_OF(groups) - 1;

    for (size_t i = 0; i < last; i++)
        if (is_in(groups[i].verbs, verb))
            return i;
    return last;
}

static void print_groups(FILE *to)
{
    fputs("usage: sluice VERB [ARGUMENT]...\n\n", to);
    for (size_t i = 0; i < COUNT_OF(groups); i++) {
        fprintf(to, "%s\n", groups[i].title);
        for (size_t k = 0; k < COUNT_OF(helps); k++)
            if (group_of(helps[k].verb) == i)
                fprintf(to, "  %-10s %s\n", helps[k].verb, helps[k].summary);
        fputc('\n', to);
    }
}

int help_print(const char *verb, FILE *to)
{
    const struct help *help = find(verb);

    if (help) {
        fprintf(to, "usage: %s\n\n%s%s", help->usage, help->text,
                *help->text ? "\n" : "");
    } else if (!verb) {
        print_groups(to);
    } else {
        fprintf(stderr, "sluice: there is no verb \"%s\" (`sluice help` lists them)\n",
                verb);
        return EXIT_WRONG;
    }
    fputs("Every verb takes:\n"
          "  -C, --project DIR      look for the project from DIR\n"
          "  --broker URL           talk to this broker (or SLUICE_BROKER)\n"
          "  --context NAME         talk to the broker of that name in your settings\n"
          "  --insecure             the broker may be on another machine, unencrypted\n"
          "  --timeout DURATION     wait so long for the broker (10s)\n"
          "  --json                 print data (docs/cli-json.md)\n"
          "  -h, --help             explain the verb\n",
          to);
    return EXIT_DONE;
}

int verb_help(int argc, char **argv)
{
    scoped_cli cli = { 0 };
    int end = cli_begin(&cli, argc, argv, NULL, 0, 0, 1);

    return end == EXIT_GO_ON ? help_print(cli.word_count ? cli.words[0] : NULL, stdout)
                             : end;
}

int verb_version(int argc, char **argv)
{
    scoped_cli cli = { 0 };
    scoped_json json = { 0 };
    int end = cli_begin(&cli, argc, argv, NULL, 0, 0, 0);

    if (end != EXIT_GO_ON)
        return end;
    if (!cli.json) {
        puts("sluice " SLUICE_VERSION);
        return EXIT_DONE;
    }
    json_open(&json, NULL, '{');
    json_text(&json, "version", SLUICE_VERSION);
    json_close(&json, '}');
    json_print(&json, stdout);
    return EXIT_DONE;
}
