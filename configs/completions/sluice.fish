# sluice.fish - completion for fish. Names come from `sluice __complete`, which reads the
# project's file and asks its broker, and prints nothing where there is neither.

function __sluice_names
    sluice __complete $argv 2>/dev/null
end

function __sluice_words_after_verb
    set -l words (commandline -opc)
    printf '%s\n' $words[3..-1]
end

# The pipeline or step that is to be run, if it is on the line already.
function __sluice_subject
    set -l skip 0
    for word in (__sluice_words_after_verb)
        if test $skip = 1
            set skip 0
        else if contains -- $word -p --parameter -i --input -C --project --broker --title --seed --priority
            set skip 1
        else if not string match -q -- '-*' $word
            echo $word
            return
        end
    end
end

function __sluice_parameters
    __sluice_names parameters (__sluice_subject) | string replace -r '$' =
end

# RUN, and after a slash RUN/STAGE.
function __sluice_runs
    set -l run (string match -r '^[^/]+(?=/)' -- (commandline -ct))
    if test -n "$run"
        __sluice_names stages $run | string replace -r '^' $run/
    else
        __sluice_names runs
    end
end

function __sluice_runs_or_stages
    set -l words (__sluice_words_after_verb)
    switch (count $words)
        case 0
            __sluice_names runs
        case 1
            __sluice_names stages $words[1]
    end
end

set -l verbs run lint ls show explain logs outputs metadata record compare diff plot reproduce verify backup check trace du gc export import cancel approve reject watch datum alias tag \
    dataset nodes status stop help version

complete -c sluice -f
complete -c sluice -n "not __fish_seen_subcommand_from $verbs" -a run -d 'run a pipeline or a step'
complete -c sluice -n "not __fish_seen_subcommand_from $verbs" -a lint -d 'check files'
complete -c sluice -n "not __fish_seen_subcommand_from $verbs" -a ls -d 'list runs'
complete -c sluice -n "not __fish_seen_subcommand_from $verbs" -a show -d 'show a run, a stage or an execution'
complete -c sluice -n "not __fish_seen_subcommand_from $verbs" -a explain -d 'say why something waits, failed or was run'
complete -c sluice -n "not __fish_seen_subcommand_from $verbs" -a logs -d 'print what an execution wrote'
complete -c sluice -n "not __fish_seen_subcommand_from $verbs" -a outputs -d 'list or download output files'
complete -c sluice -n "not __fish_seen_subcommand_from $verbs" -a metadata -d 'print metadata'
complete -c sluice -n "not __fish_seen_subcommand_from $verbs" -a record -d 'show what results were made of'
complete -c sluice -n "not __fish_seen_subcommand_from $verbs" -a compare -d 'put runs or tasks beside each other'
complete -c sluice -n "not __fish_seen_subcommand_from $verbs" -a diff -d 'say what differs between two runs'
complete -c sluice -n "not __fish_seen_subcommand_from $verbs" -a plot -d 'draw metrics'
complete -c sluice -n "not __fish_seen_subcommand_from $verbs" -a reproduce -d 'run something again exactly'
complete -c sluice -n "not __fish_seen_subcommand_from $verbs" -a verify -d 'check that no record and no file was changed'
complete -c sluice -n "not __fish_seen_subcommand_from $verbs" -a du -d 'show what holds how much of the store'
complete -c sluice -n "not __fish_seen_subcommand_from $verbs" -a gc -d 'remove files that nothing needs'
complete -c sluice -n "not __fish_seen_subcommand_from $verbs" -a trace -d 'show where a file or a result came from'
complete -c sluice -n "not __fish_seen_subcommand_from $verbs" -a export -d 'write a run with all its files into one'
complete -c sluice -n "not __fish_seen_subcommand_from $verbs" -a import -d 'take in a run that was exported elsewhere'
complete -c sluice -n "not __fish_seen_subcommand_from $verbs" -a backup -d 'copy store and artifacts'
complete -c sluice -n "not __fish_seen_subcommand_from $verbs" -a check -d 'check that a store is sound'
complete -c sluice -n "not __fish_seen_subcommand_from $verbs" -a cancel -d 'end a run'
complete -c sluice -n "not __fish_seen_subcommand_from $verbs" -a approve -d 'let a waiting stage go on'
complete -c sluice -n "not __fish_seen_subcommand_from $verbs" -a reject -d 'end a waiting stage'
complete -c sluice -n "not __fish_seen_subcommand_from $verbs" -a watch -d 'print events as they happen'
complete -c sluice -n "not __fish_seen_subcommand_from $verbs" -a datum -d 'files by their names'
complete -c sluice -n "not __fish_seen_subcommand_from $verbs" -a alias -d 'names that move'
complete -c sluice -n "not __fish_seen_subcommand_from $verbs" -a tag -d 'tag runs and datums'
complete -c sluice -n "not __fish_seen_subcommand_from $verbs" -a dataset -d 'versions of sets of files'
complete -c sluice -n "not __fish_seen_subcommand_from $verbs" -a nodes -d 'list nodes'
complete -c sluice -n "not __fish_seen_subcommand_from $verbs" -a status -d 'show the broker'
complete -c sluice -n "not __fish_seen_subcommand_from $verbs" -a stop -d 'end the private broker and node'
complete -c sluice -n "not __fish_seen_subcommand_from $verbs" -a help -d 'explain a verb'
complete -c sluice -n "not __fish_seen_subcommand_from $verbs" -a version -d 'print the version'

complete -c sluice -n "__fish_seen_subcommand_from $verbs" -l json -d 'print data instead of text'
complete -c sluice -n "__fish_seen_subcommand_from $verbs" -s h -l help -d 'explain the verb'
complete -c sluice -n "__fish_seen_subcommand_from $verbs" -s C -l project -x -a '(__fish_complete_directories)' -d 'look for the project from here'
complete -c sluice -n "__fish_seen_subcommand_from $verbs" -l broker -x -d 'talk to this broker'
complete -c sluice -n '__fish_seen_subcommand_from ls' -s n -l limit -x -d 'at most so many'
complete -c sluice -n '__fish_seen_subcommand_from ls' -l tag -x -d 'only those that have it'
complete -c sluice -n '__fish_seen_subcommand_from datum' -a 'ls show add (__sluice_names aliases)'
complete -c sluice -n '__fish_seen_subcommand_from datum' -s t -l tag -x -d 'tag'
complete -c sluice -n '__fish_seen_subcommand_from datum' -l run -x -a '(__sluice_names runs)' -d 'made by the run'
complete -c sluice -n '__fish_seen_subcommand_from datum' -s n -l limit -x -d 'at most so many'
complete -c sluice -n '__fish_seen_subcommand_from datum' -l alias -x -d 'let it point to the file'
complete -c sluice -n '__fish_seen_subcommand_from datum' -l name -x -d 'what it is called'
complete -c sluice -n '__fish_seen_subcommand_from add' -F
complete -c sluice -n '__fish_seen_subcommand_from alias' -a 'ls set rm history (__sluice_names aliases)'
complete -c sluice -n '__fish_seen_subcommand_from tag' -a 'add rm (__sluice_names runs)'
complete -c sluice -n '__fish_seen_subcommand_from dataset' -a 'ls show create add (__sluice_names datasets)'
complete -c sluice -n '__fish_seen_subcommand_from dataset' -l from -x -a '(__sluice_names datasets)' -d 'begin with that version'
complete -c sluice -n '__fish_seen_subcommand_from dataset' -l exclude -x -d 'leave out this file'
complete -c sluice -n '__fish_seen_subcommand_from run' -a '(__sluice_names pipelines)'
complete -c sluice -n '__fish_seen_subcommand_from run' -l step -x -a '(__sluice_names steps)' -d 'run one step'
complete -c sluice -n '__fish_seen_subcommand_from run' -s p -l parameter -x -a '(__sluice_parameters)' -d 'set a parameter'
complete -c sluice -n '__fish_seen_subcommand_from run' -s i -l input -r -d 'set an input'
complete -c sluice -n '__fish_seen_subcommand_from run' -l title -x -d 'what the run is called'
complete -c sluice -n '__fish_seen_subcommand_from run' -s d -l detach -d 'do not wait for the end'
complete -c sluice -n '__fish_seen_subcommand_from run' -l reuse -d 'use equal earlier results'
complete -c sluice -n '__fish_seen_subcommand_from run' -l no-reuse -d 'run everything'
complete -c sluice -n '__fish_seen_subcommand_from run' -l seed -x -d 'seed of random sweeps'
complete -c sluice -n '__fish_seen_subcommand_from run' -l priority -x -d 'higher goes first'
complete -c sluice -n '__fish_seen_subcommand_from lint' -F
complete -c sluice -n '__fish_seen_subcommand_from logs' -l stdout -d 'only this stream'
complete -c sluice -n '__fish_seen_subcommand_from logs' -l stderr -d 'only this stream'
complete -c sluice -n '__fish_seen_subcommand_from logs' -l status -d 'what the runtime says'
complete -c sluice -n '__fish_seen_subcommand_from logs' -s t -l times -d 'show times'
complete -c sluice -n '__fish_seen_subcommand_from logs' -l attempt -x -d 'an earlier attempt'
complete -c sluice -n '__fish_seen_subcommand_from outputs' -l overwrite -d 'replace files that are there'
complete -c sluice -n '__fish_seen_subcommand_from metadata' -l series -d 'every line that was printed'
complete -c sluice -n '__fish_seen_subcommand_from watch' -l since -x -d 'begin after this event'
complete -c sluice -n '__fish_seen_subcommand_from watch' -a '(__sluice_names runs)'
complete -c sluice -n '__fish_seen_subcommand_from stop' -l force -d 'also when a run is active'
complete -c sluice -n '__fish_seen_subcommand_from show explain logs outputs metadata record compare diff plot reproduce trace' -a '(__sluice_runs)'
complete -c sluice -n '__fish_seen_subcommand_from logs' -s f -l follow -d 'go on until the task ends'
complete -c sluice -n '__fish_seen_subcommand_from outputs' -s d -l directory -x -a '(__fish_complete_directories)' -d 'download into'
complete -c sluice -n '__fish_seen_subcommand_from compare' -s a -l all -d 'all parameters'
complete -c sluice -n '__fish_seen_subcommand_from compare' -s m -l metric -x -d 'only these metrics'
complete -c sluice -n '__fish_seen_subcommand_from compare' -s s -l sort -x -d 'by this column'
complete -c sluice -n '__fish_seen_subcommand_from compare' -s t -l top -x -d 'only the first rows'
complete -c sluice -n '__fish_seen_subcommand_from compare' -s w -l where -x -d 'only rows that meet it'
complete -c sluice -n '__fish_seen_subcommand_from compare' -l state -x -d 'only in these states'
complete -c sluice -n '__fish_seen_subcommand_from compare' -l pipeline -x -a '(__sluice_names pipelines)' -d 'only its runs'
complete -c sluice -n '__fish_seen_subcommand_from compare' -l step -x -a '(__sluice_names steps)' -d 'its tasks'
complete -c sluice -n '__fish_seen_subcommand_from compare' -s n -l last -x -d 'only the newest'
complete -c sluice -n '__fish_seen_subcommand_from compare' -l csv -d 'print CSV'
complete -c sluice -n '__fish_seen_subcommand_from compare' -l md -d 'print Markdown'
complete -c sluice -n '__fish_seen_subcommand_from plot' -s x -l x -x -d 'over another key'
complete -c sluice -n '__fish_seen_subcommand_from plot' -l scatter -x -d 'over a parameter'
complete -c sluice -n '__fish_seen_subcommand_from plot' -l svg -r -d 'write SVG'
complete -c sluice -n '__fish_seen_subcommand_from reproduce' -s v -l variable -x -d 'a secret'
complete -c sluice -n '__fish_seen_subcommand_from gc' -l older-than -x -d 'runs that ended so long ago'
complete -c sluice -n '__fish_seen_subcommand_from gc' -l keep-last -x -d 'but the last ones of a pipeline'
complete -c sluice -n '__fish_seen_subcommand_from gc' -l runs -x -d 'only these'
complete -c sluice -n '__fish_seen_subcommand_from gc' -l grace -x -d 'what was used since stays'
complete -c sluice -n '__fish_seen_subcommand_from gc' -s y -l yes -d 'remove them'
complete -c sluice -n '__fish_seen_subcommand_from trace' -l down -d 'what was made from it'
complete -c sluice -n '__fish_seen_subcommand_from trace' -l depth -x -d 'over at most so many stages'
complete -c sluice -n '__fish_seen_subcommand_from trace' -l dot -d 'print the graph for Graphviz'
complete -c sluice -n '__fish_seen_subcommand_from verify' -l head -x -d 'a hash that was kept elsewhere'
complete -c sluice -n '__fish_seen_subcommand_from verify' -l allow-missing -d 'files that are gone are only counted'
complete -c sluice -n '__fish_seen_subcommand_from export' -s o -l output -r -F -d 'write to this file'
complete -c sluice -n '__fish_seen_subcommand_from import' -F
complete -c sluice -n '__fish_seen_subcommand_from cancel verify export' -a '(__sluice_names runs)'
complete -c sluice -n '__fish_seen_subcommand_from backup' -l from -x -a '(__fish_complete_directories)' -d 'the folder of the broker'
complete -c sluice -n '__fish_seen_subcommand_from backup' -l prune -d 'remove what the broker removed'
complete -c sluice -n '__fish_seen_subcommand_from check' -l bytes -d 'check the hashes of all files, too'
complete -c sluice -n '__fish_seen_subcommand_from backup check' -a '(__fish_complete_directories)'
complete -c sluice -n '__fish_seen_subcommand_from cancel verify' -a '(__sluice_names runs)'
complete -c sluice -n '__fish_seen_subcommand_from approve reject' -a '(__sluice_runs_or_stages)'
complete -c sluice -n '__fish_seen_subcommand_from help' -a "$verbs"
