# sluice.bash - completion for bash. Names come from `sluice __complete`, which reads the
# project's file and asks its broker, and prints nothing where there is neither.

# Candidates, a line each. Not compgen -W: that would expand what a file calls its steps.
_sluice_words() { # LINES
    local word
    while IFS= read -r word; do
        if [[ -n $word && $word == "$cur"* ]]; then
            COMPREPLY+=("$(printf %q "$word")")
        fi
    done <<<"$1"
}

_sluice_names() { # KIND [ARGUMENT]
    _sluice_words "$("${COMP_WORDS[0]}" __complete "$@" 2>/dev/null)"
}

# The pipeline or step that is to be run, if it is on the line already.
_sluice_subject() {
    local i
    for ((i = 2; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        -p | -i | -C | --parameter | --input | --project | --broker | --title | --seed | --priority) ((i++)) ;;
        = | -*) ;;
        *)
            [[ ${COMP_WORDS[i - 1]} == = ]] || { echo "${COMP_WORDS[i]}"; return; }
            ;;
        esac
    done
}

# RUN, and after a slash RUN/STAGE.
_sluice_run() {
    if [[ $cur == */* ]]; then
        local run=${cur%%/*}
        _sluice_words "$("${COMP_WORDS[0]}" __complete stages "$run" 2>/dev/null |
            sed "s|^|$run/|")"
    else
        _sluice_names runs
    fi
}

_sluice() {
    local cur=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    local verb=${COMP_WORDS[1]-} before=
    local verbs=$'run\nlint\nls\nshow\nexplain\nlogs\noutputs\nmetadata\nrecord\ncompare\ndiff\nplot\nreproduce\nverify\nbackup\ncheck\ntrace\ndu\ngc\nexport\nimport\ncancel\napprove\nreject
watch\ndatum\nalias\ntag\ndataset\nnodes\nstatus\nstop\nhelp\nversion'
    COMPREPLY=()
    ((COMP_CWORD < 3)) || before=${COMP_WORDS[COMP_CWORD - 2]}

    if ((COMP_CWORD == 1)); then
        _sluice_words "$verbs"$'\n--help\n--version'
        return
    fi
    if [[ $previous == = || $cur == = ]]; then # the value of -p name=value or -i name=URI
        [[ $cur != = ]] || cur=
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        compopt -o filenames
        return
    fi
    case $verb:$previous in
    run:-p | run:--parameter)
        _sluice_names parameters "$(_sluice_subject)"
        COMPREPLY=("${COMPREPLY[@]/%/=}")
        compopt -o nospace
        return
        ;;
    compare:--pipeline)
        _sluice_names pipelines
        return
        ;;
    run:--step | compare:--step)
        _sluice_names steps
        return
        ;;
    outputs:-d | outputs:--directory | backup:backup | backup:--from | check:check | *:-C | *:--project)
        mapfile -t COMPREPLY < <(compgen -d -- "$cur")
        compopt -o filenames
        return
        ;;
    esac
    if [[ $cur == -* ]]; then
        case $verb in
        run) _sluice_words $'--step\n-p\n-i\n--title\n--detach\n--seed\n--priority\n--reuse\n--no-reuse' ;;
        ls) _sluice_words $'-n\n--limit\n--tag' ;;
        datum) _sluice_words $'-t\n--tag\n--run\n-n\n--limit\n--alias\n--name' ;;
        dataset) _sluice_words $'--from\n--exclude' ;;
        logs) _sluice_words $'-f\n--follow\n--stdout\n--stderr\n--status\n--times\n--attempt' ;;
        outputs) _sluice_words $'-d\n--directory\n--overwrite' ;;
        metadata) _sluice_words '--series' ;;
        watch) _sluice_words '--since' ;;
        stop) _sluice_words '--force' ;;
        compare) _sluice_words $'-a\n--all\n-m\n--metric\n-s\n--sort\n-w\n--where\n--state\n--pipeline\n--step\n-n\n--last\n-t\n--top\n--csv\n--md' ;;
        plot) _sluice_words $'-x\n--x\n--scatter\n--svg' ;;
        reproduce) _sluice_words $'-v\n--variable' ;;
        verify) _sluice_words $'--head\n--allow-missing' ;;
        gc) _sluice_words $'--older-than\n--keep-last\n--runs\n--grace\n-y\n--yes' ;;
        trace) _sluice_words $'--down\n--depth\n--dot' ;;
        export) _sluice_words $'--output\n-o' ;;
        backup) _sluice_words $'--from\n--prune' ;;
        check) _sluice_words '--bytes' ;;
        esac
        _sluice_words $'--json\n--help\n--project\n-C\n--broker'
        return
    fi
    case $verb:$previous in
    datum:datum) _sluice_words $'ls\nshow\nadd' ;;
    alias:alias) _sluice_words $'ls\nset\nrm\nhistory' ;;
    tag:tag) _sluice_words $'add\nrm' ;;
    dataset:dataset) _sluice_words $'ls\nshow\ncreate\nadd' ;;
    datum:show | alias:set | alias:rm | alias:history) _sluice_names aliases ;;
    datum:--run | tag:add | tag:rm) _sluice_names runs ;;
    dataset:show | dataset:add | dataset:--from) _sluice_names datasets ;;
    datum:add)
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        compopt -o filenames
        ;;
    esac
    case $verb in
    run) _sluice_names pipelines ;;
    lint | import)
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        compopt -o filenames
        ;;
    show | explain | logs | outputs | metadata | record | trace | compare | diff | plot | reproduce)
        _sluice_run
        [[ $cur == */* ]] || compopt -o nospace
        ;;
    cancel | watch | verify | export) _sluice_names runs ;;
    approve | reject)
        if [[ $previous == "$verb" ]]; then
            _sluice_names runs
        elif [[ $before == "$verb" ]]; then
            _sluice_names stages "$previous"
        fi
        ;;
    help) _sluice_words "$verbs" ;;
    esac
}

complete -F _sluice sluice
