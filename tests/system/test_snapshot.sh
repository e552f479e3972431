# The code of a run: what git tracks and what lies beside it, as it was at the start.
. "$SYSTEM_TESTS/lib.sh"

cat >valohai.yaml <<'END'
- step: {name: list, image: debian:12, command: 'find . -type f | LC_ALL=C sort && cat code'}
- step: {name: spoil, image: debian:12, command: 'rm -rf "$VH_REPOSITORY_DIR"/* && echo spoilt > code'}
- pipeline:
    name: two
    nodes: [{name: spoil, type: execution, step: spoil}, {name: list, type: execution, step: list}]
    edges: [[spoil.dependency.a, list.dependency.a]]
END
echo first >code
mkdir sub && echo x >sub/kept && echo x >sub/junk.o && echo x >secret && chmod +x sub/kept
echo secret >.vhignore

it "walks the folder where there is no git"
sluice_exits 0 run --step list
same "./.vhignore ./code ./sub/junk.o ./sub/kept ./valohai.yaml first" \
    "$(stdout_of last/list | paste -sd' ' -)"
same "null false" "$(value run.commit show last) $(value run.dirty show last)"

if command -v git >/dev/null 2>&1; then
    it "takes what git tracks, and what it does not ignore"
    git init -q . && echo '*.o' >.gitignore && git add -A
    git -c user.name=t -c user.email=t@example.org commit -qm one
    echo x >untracked
    sluice_exits 0 run --step list
    same "./.gitignore ./.vhignore ./code ./sub/kept ./untracked ./valohai.yaml first" \
        "$(stdout_of last/list | paste -sd' ' -)"
    same "$(git rev-parse HEAD) true" "$(value run.commit show last) $(value run.dirty show last)"
    rm untracked
    sluice_exits 0 run --step list
    same false "$(value run.dirty show last)"
fi

it "leaves out what sluice export wrote"
sluice_exits 0 export last
tree=$(value run.tree show last)
sluice_exits 0 run --step list
same "$tree" "$(value run.tree show last)"

it "gives each execution the files as they were, whatever others do to theirs"
sluice_exits 0 run two
same first "$(stdout_of last/list | tail -n 1)"
echo second >code
sluice_exits 0 run two
same second "$(stdout_of last/list | tail -n 1)"
same second "$(cat code)" "the project's own file"
