"""Programs that are known to evaluate arguments or their standard input, and how they read their arguments.

A line, which can go on in indented ones, is: names | operands | operands if an option gives the code | options | flags.
The second to fourth are read by `options`. The flags:

- `stdin`: reads code from its standard input if no argument has or names any; `always-stdin`: in any case;
- `bare-shell`: without a program to run, starts a shell that reads its standard input;
- `permutes`: options may stand behind operands; `words`: an option is a whole word, `-eval`; `plus`: options may
  begin with `+`; `old style`: the first operand can be options without a dash; `dash-ends`: so does a lone `-`;
- `assigns`: `NAME=value` may stand before the program; `runs-shells`: joins its arguments for a shell;
- `text`: its code runs no program; `quiet`: a value that could be an option is not worth a warning;
- `refuses`: a value that could be an option is an error;
- `containers`: runs other programs in places that are not followed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Final

from nika_keyword_shell.options import Grammar, grammar

# Calls by which a program in another language runs a text: with a value among its arguments, worth a warning.
_RUNS_TEXT: Final = {
    "python": r"\b(eval|exec\w*|system|popen|spawn\w*|subprocess|__import__|import_module|runpy|pty|compile)\b",
    "node": r"\b(eval|Function|child_process|exec\w*|spawn\w*|vm)\b",
    "perl": r"\b(eval|exec|system|qx|open|do|require)\b|`|<(ARGV)?>|/\w*e\w*\s*[;}]",
    "ruby": r"\b(\w*eval|exec|system|spawn|open\w*|popen\w*|send|require|load)\b|`|%x",
    "php": r"\b(eval|exec|system|passthru|shell_exec|p\w*open|assert|create_function|include\w*|require\w*)\b|`",
    "awk": r"\b(system|getline)\b|\bprintf?\b[^|;}\n]*\|(?!\|)|[\"']\s*\|(?!\|)",
}
_RUNS_TEXT_ELSEWHERE: Final = r"\b(eval\w*|exec\w*|system|\w*open|shell\w*|do\w*|load\w*|source|spawn\w*|run\w*)\b|`"
_MULTICALL: Final = frozenset({"busybox", "toybox"})
_SUFFIX: Final = re.compile(r"[-.]?[0-9][0-9.]*\Z")
_SHELLS: Final = """
sh dash ash hush | file data* | | -c=coded -s=stdin -o+:data | stdin plus dash-ends
bash rbash | file data* | | -c=coded -s=stdin -o+:data -O+:data --rcfile:file -rcfile:file --init-file:file
    -init-file:file | stdin plus dash-ends
zsh rzsh ksh rksh mksh pdksh lksh oksh ksh93 yash posh loksh | file data* | | -c=coded -s=stdin -o+:data -A+:data |
    stdin plus dash-ends
csh tcsh | file data* | | -c=coded -s=stdin -o+:data | stdin
fish | file data* | data* | -c:shell --command:shell -C:shell --init-command:shell -o:data -f:data -d:data -D:data
    --debug:data --features:data | stdin
nu | file data* | data* | -c:code --commands:code -e:code --execute:code --config:file --env-config:file | stdin
pwsh powershell | file data* | code* | -c:code -command:code -e:code -ec:code -encodedcommand:code -f:file -file:file
    -ep:data -executionpolicy:data -wd:data -workingdirectory:data | stdin words
cmd cmd.exe command.com | joined* | joined* | | runs-shells stdin
elvish xonsh osh ysh oil es rc sash | file data* | | -c=coded -s=stdin --rc:file | stdin
busybox toybox | program | | |
"""
_INTERPRETERS: Final = """
python pypy jython micropython | file data* | data* | -c:code! -m:module! -W:data -X:data -Q:data
    --check-hash-based-pycs:data | stdin
ipython | file data* | data* | -c:code -m:module --profile:data --ext:module | stdin words
perl | file data* | data* | -e:code -E:code -M:code -m:code -I:data -F:data -i?:data -x?:data -d?:code -D?:data |
    stdin
ruby jruby irb | file data* | data* | -e:code -r:module -I:data -C:data -E:data -F:data -i?:data -K?:data -x?:data
    --encoding:data | stdin
node nodejs | file data* | data* | -e:code --eval:code -p:code --print:code -pe:code -r:module --require:module
    --import:module --loader:module --experimental-loader:module --env-file:file --env-file-if-exists:file -C:data
    --conditions:data --input-type:data --test-name-pattern:data --title:data --stack-trace-limit:data | stdin
bun | file data* | data* | -e:code --eval:code -p:code --print:code -r:module --preload:module --cwd:data -c:file
    --config:file | stdin
deno | data file data* | data* | --ext:data -c:file --config:file --import-map:file --preload:module | stdin permutes
tsx ts-node | file data* | data* | -e:code --eval:code -p:code --print:code -r:module --require:module --import:module
    -P:file --project:file -O:data | stdin
php | file data* | data* | -r:code -B:code -R:code -E:code -F:file -f:file -d:setting -c:file -z:file -S:data -t:data
    --run:code --process-code:code --process-begin:code --process-end:code --process-file:file --file:file
    --define:setting | stdin
lua luajit texlua luau | file data* | data* | -e:code -l:module -j:module -b:file | stdin
rscript | file data* | data* | -e:code --default-packages:module |
r | data* | data* | -e:code -f:file --file:file --args=inert | stdin permutes
julia | file data* | data* | -e:code -E:code --eval:code --print:code -L:file --load:file -p:data -t:data -C:data
    -J:file --project?:data --threads:data --procs:data | stdin
octave octave-cli matlab | file data* | data* | --eval:code -r:code -batch:code -sd:data -p:data --path:data | stdin
    words
scala groovy kotlin bb clojure clj elixir iex raku rakudo swift crystal dart | file data* | data* | -e:code
    --eval:code -r:module -i:file -M:data --cp:data -cp:data -c:data | stdin
guile | file data* | data* | -c:code! -e:code -l:file -L:data -s:file -ds:file -x:data | stdin words
racket mzscheme | file data* | data* | -e:code --eval:code -f:file -l:module -r:file -t:file -u:file | stdin
sbcl clisp ecl ccl gcl | data* | data* | --eval:code -eval:code -x:code --load:file -load:file --script?:file -i:file
    --core:file | stdin words permutes
emacs emacsclient | file* | file* | --eval:code -eval:code --execute:code -e:code -f:code --funcall:code -l:file
    --load:file --script:file -L:data -d:data -s:data --alternate-editor:shell -a:shell | words permutes plus
erl | data* | data* | -eval:code -s:code -run:code -pa:data -pz:data -config:file -sname:data -name:data | stdin words
    permutes
swipl gprolog | file data* | data* | -g:code -t:code -s:file -l:file -f:file | stdin
jshell | data* | data* | -R:data | always-stdin
runghc ghci ghc | file data* | data* | -e:code --ghc-arg:data | stdin
ocaml utop | file data* | data* | -e:code -init:file -I:data | stdin words
tclsh wish expect jimsh | file data* | data* | -c:code -f:file -b:file -encoding:data | stdin
osascript | file data* | data* | -e:code -l:data -s:data | stdin
awk gawk mawk nawk original-awk goawk | code data* | data* | -f:file --file:file -e:code --source:code -i:file
    --include:file -E:file! --exec:file! -l:module --load:module -v:data --assign:data -F:data --field-separator:data
    |
sed ssed | code data* | data* | -e:code --expression:code -f:file --file:file -i?:data --in-place?:data -l:data
    --line-length:data | permutes
jq gojq jaq | code data* | data* | -f:file --from-file:file --arg%:data --argjson%:data --slurpfile%:data
    --rawfile%:data --indent:data -L:data | permutes text
yq | code data* | data* | --from-file:file --expression:code -p:data -o:data --input-format:data --output-format:data
    -I:data --indent:data -s:code --split-exp:code | permutes text
m4 | file* | file* | -D:code --define:code -U:data -I:data -F:data -R:file -t:data | stdin permutes
bc | file* | file* | -e:code --expression:code -f:file --file:file | always-stdin permutes
dc | file* | file* | -e:code --expression:code -f:file --file:file | stdin permutes
gnuplot maxima gp maple | file* | file* | -e:code -c:file -p:code --batch-string:code -r:code --run-string:code |
    stdin permutes
gvpr | code data* | data* | -f:file -a:data -o:data | permutes
"""
_EDITORS_AND_DATABASES: Final = """
ed red | code | code | -p:data --prompt:data | always-stdin
ex | file* | file* | -c:code --cmd:code -S:file -s?:data -u:file -U:file -t:data -i:file -r?:data -T:data -w:file
    -W:file | always-stdin permutes plus
vi vim nvim view vimdiff rvim gvim | file* | file* | -c:code --cmd:code -S:file -s?:data -u:file -U:file -t:data
    -i:file -T:data -w:file -W:file -l:file --remote-send:code --remote-expr:code | always-stdin permutes plus
less more most pg | data* | data* | -k:file -o:data -p:code -P:data -t:data -T:data -x:data | permutes plus
man | data* | data* | -P:shell --pager:shell -H?:shell --html?:shell -C:file --config-file:file -M:data -L:data
    -S:data -s:data -m:data -e:data -r:data -p:data | permutes
psql | data* | data* | -c:code --command:code -f:file --file:file -v:data --set:data -d:data --dbname:data -h:data
    --host:data -p:data --port:data -U:data --username:data -o:shell --output:shell -L:data -F:data -P:data -R:data
    -T:data --variable:data | stdin permutes
mysql mariadb | data | data | -e:code --execute:code --init-command:code -h:data --host:data -u:data --user:data
    -p?:data --password?:data -P:data --port:data -S:data -D:data --database:data --pager?:shell --tee:data | stdin
    permutes
sqlite3 sqlite duckdb litecli | data code* | data code* | -cmd:code --cmd:code -c:code -s:code -init:file --init:file
    -f:file -separator:data --separator:data -nullvalue:data -newline:data -mmap:data -maxsize:data -lookaside:data
    -vfs:data | stdin words permutes
clickhouse clickhouse-client clickhouse-local | data* | data* | -q:code --query:code --queries-file:file -h:data
    --host:data -u:data --user:data --password:data -d:data --database:data | stdin permutes
cqlsh sqlcmd isql usql trino presto snowsql impala-shell hive beeline mongosh mongo influx | data* | data* | -e:code
    --execute:code -q:code -Q:code --query:code -c:code --command:code --eval:code -f:file --file:file -i:file -u:data
    -p:data -h:data -d:data --host:data --port:data | stdin permutes
sqlplus | data* | data* | | always-stdin
gdb lldb cgdb | data* | data* | -ex:code --ex:code -eval-command:code --eval-command:code -iex:code -ix:file -x:file
    -command:file --command:file -o:code -O:code --one-line:code --one-line-before-file:code -s:file --args=program
    --source:file -p:data -c:data -d:data -cd:data | stdin words
gnome-terminal xterm konsole urxvt kitty alacritty foot | program | | -e:shell --command:shell -T:data --title:data
    --working-directory:data |
"""
_WRAPPERS: Final = """
env | program | program | -u:data --unset:data -C:data --chdir:data -S:shell --split-string:shell -P:data
    --block-signal?:data | assigns
sudo | program | joined* | -u:data --user:data -g:data --group:data -h:data --host:data -p:data --prompt:data -C:data
    -r:data -t:data -T:data -U:data -D:data --chdir:data -R:data --chroot:data -s=shell -i=shell -e=inert -l=inert
    -v=inert --shell=shell --login=shell --edit=inert | assigns
doas | program | joined* | -u:data -C:file -s=shell | assigns
nice | program | program | -n:data --adjustment:data |
ionice | program | program | -c:data --class:data -n:data --classdata:data -p:data -P:data -u:data |
nohup setsid chronic ifne eatmydata nocache torsocks tsocks linux32 linux64 i386 x86_64 unbuffer rlwrap catchsegv
    aa-exec choom |  program | program | -p:data -n:data -f:data |
chrt | data program | data program | -T:data -P:data -D:data -p:data |
taskset gosu su-exec setuidgid envdir runcon faketime logsave cset envuidgid s6-setuidgid s6-envdir | data
    program | data program | -p:data -T:data -P:data -D:data -u:data -r:data -t:data -f:data | reopens
timeout | data program | data program | -k:data --kill-after:data -s:data --signal:data |
stdbuf | program | program | -i:data --input:data -o:data --output:data -e:data --error:data |
time | program | program | -f:data --format:data -o:data --output:data |
chroot | data program | data program | --userspec:data --groups:data | bare-shell
unshare | program | program | -S:data --setuid:data -G:data --setgid:data -R:data --root:data -w:data --wd:data
    --map-users:data --map-groups:data --propagation:data --setgroups:data | bare-shell
nsenter | program | program | -t:data --target:data -S:data -G:data --setuid:data --setgid:data | bare-shell
setarch | data program | data program | | bare-shell
setpriv prlimit numactl cgexec cpulimit trickle chpst softlimit systemd-cat systemd-inhibit firejail xvfb-run
    dbus-run-session dbus-launch caffeinate arch tini dumb-init catatonit ts with-contenv proxychains proxychains4
    valgrind | program | program | -a:data -b:data -c:data -d:data -e:data -f:data -g:data -h:data -i:data
    -l:data -m:data -n:data -o:data -p:data -s:data -t:data -u:data -w:data --reuid:data --regid:data --groups:data
    --what:data --who:data --why:data --server-args:data --server-num:data --tool:data | assigns reopens
fakeroot fakechroot | program | program | -l:data --lib:data -s:data -i:data -b:data --faked:data | bare-shell
bwrap proot | program | program | --bind%:data --ro-bind%:data --dev+:data --proc+:data --chdir:data --setenv%:data
    -r:data -b:data -w:data -q:shell | bare-shell
strace ltrace truss dtruss | program | program | -e:data -o:shell -p:data -s:data -u:data -E:data -a:data -b:data
    -I:data -O:data -P:data -S:data -X:data -n:data -l:data -x:data -A:data --output:data --trace:data |
pkexec | program | program | --user:data | bare-shell
systemd-run | program | program | -u:data --unit:data -p:data --property:data -E:data --setenv:data -H:data
    --host:data -M:data --machine:data --description:data --slice:data --uid:data --gid:data --nice:data
    --working-directory:data --on-active:data --on-calendar:data --timer-property:data | bare
start-stop-daemon | program | program | -x:program -n:data -p:data -u:data -c:data -g:data -d:data -a:program
    --exec:program --startas:program --name:data --pidfile:data --chuid:data --chdir:data | reopens
flock | data program | data data* | -c:shell --command:shell -w:data --timeout:data -E:data --conflict-exit-code:data
    | reopens permutes
script | data | data | -c:shell --command:shell -E:data -I:data -O:data -B:data -T:data -m:data -o:data --echo:data
    --log-in:data --log-out:data --log-io:data | permutes bare-shell
su runuser | data data* | data data* | -c:shell --command:shell --session-command:shell -s:file --shell:file -g:data
    --group:data -G:data --supp-group:data -u:data --user:data -w:data | permutes stdin
sg newgrp | data shell* | data shell* | -c:shell | bare-shell
machinectl | data data program | | --uid:data -E:data |
watch | joined* | joined* | -n:data --interval:data -q:data --equexit:data | runs-shells
ssh slogin autossh rsh remsh dbclient plink | data joined* | data joined* | -B:data -b:data -c:data -D:data -E:data
    -e:data -F:file -I:file -i:data -J:data -L:data -l:data -m:data -M:data -O:data -o:setting -p:data -Q:data -R:data
    -S:data -W:data -w:data | runs-shells stdin refuses
mosh | data joined* | data joined* | --ssh:shell --server:shell --client:shell -p:data --port:data | runs-shells
sshpass | program | program | -p:data -f:data -d:data -P:data |
xargs | program | program | -a:data --arg-file:data -d:data --delimiter:data -E:data -I:replace -i?:replace
    --replace?:replace -L:data -l?:data --max-lines?:data -n:data --max-args:data -P:data --max-procs:data -s:data
    --max-chars:data -e?:data --process-slot-var:data -J:replace -R:data -S:data |
parallel rush | shell* | shell* | -j:data --jobs:data -P:data -a:data --arg-file:data -I:data -d:data -n:data -N:data
    -L:data -S:data --sshlogin:data --colsep:data --joblog:data --results:data --delay:data --timeout:data
    --tmpdir:data --env:data --workdir:data --wd:data --halt:data --retries:data | runs-shells
entr | program | shell* | |
hyperfine | shell* | shell* | -p:shell --prepare:shell -s:shell --setup:shell -c:shell --cleanup:shell -S:file
    --shell:file -n:data --command-name:data -w:data --warmup:data -r:data --runs:data -m:data -M:data -L+:data
    --export-json:data --export-markdown:data --export-csv:data --conclude:shell | permutes
pee | shell* | shell* | |
nodemon | file data* | data* | -x:shell --exec:shell -e:data -w:data --watch:data -i:data --ext:data --ignore:data
    --cwd:data | permutes
npx bunx pnpx | program | | -p:data --package:data -c:shell --call:shell -w:data |
uv | data program | | --with:data --python:data -p:data --directory:data --project:data --extra:data --group:data |
poetry pipenv pdm hatch rye bundle dotenv pixi mise rbenv pyenv nvm asdf volta fnm | data program | | -f:data
    --file:data --env:data -e:data -C:data |
uvx | program | | -p:data --python:data --from:data --with:data |
pipx | data program | | --spec:data --python:data |
conda mamba micromamba | data program | | -n:data --name:data -p:data --prefix:data --cwd:data |
direnv | data data program | | |
nix-shell | data* | data* | --run:shell --command:shell -p:code --packages:code -E:code --expr:code -I:data
    --arg%:code --argstr%:data | permutes bare-shell
nix nix-env nix-build nix-instantiate guix | data* | data* | -c:program --command:program -E:code --expr:code
    --apply:code -f:file --file:file | permutes
docker podman nerdctl | data* | data* | | containers
kubectl oc | data* | data* | | containers
lxc incus | data data program | | |
vagrant multipass | data* | data* | -c:shell --command:shell | permutes
distrobox toolbox flatpak | data* program | | -c:data -n:data --command:program |
ansible | data | | -a:shell --args:shell -m:data -i:data -e:setting --extra-vars:setting -u:data -l:data | permutes
ansible-playbook | file* | | -e:setting --extra-vars:setting -i:data -l:data -t:data -u:data --tags:data | permutes
salt fab | data shell* | data shell* | |
pdsh clush dsh cssh | shell* | shell* | -w:data -x:data -l:data -R:data -f:data -u:data -H:data
    -g:data |
at batch | data* | data* | -f:file -q:data -t:data | always-stdin
crontab | file | file | -u:data | stdin
login | data program | data program | -h:data -r:data | bare-shell
getty agetty mingetty | data* | data* | -l:program --login-program:program -o:data --login-options:data | permutes
ip | data data data program | | -n:data -b:file -batch:file --batch:file -f:data | words
perf | data program | | -o:data -e:data -p:data -F:data -c:data -C:data |
systemd-nspawn | program | | -D:data --directory:data -i:data --image:data -M:data --machine:data -u:data --user:data
    --bind:data --setenv:data -E:data | bare-shell
qemu-x86_64 qemu-i386 qemu-aarch64 qemu-arm wine wine64 mono box64 | program | | -L:data -E:data -U:data -cpu:data |
    words
screen | program | | -S:data -t:data -T:data -c:file -h:data -s:file -p:data |
tmux | shell* | shell* | -c:shell -f:file -L:data -S:data -T:data |
dtach abduco | data program | | -e:data -E:data |
socat | joined* | joined* | -d:data -lf:data -t:data -T:data -b:data | words
nc ncat netcat | data* | data* | -e:shell --exec:shell -c:shell --sh-exec:shell --lua-exec:file -p:data -s:data
    -w:data -q:data -X:data -x:data -i:data | permutes
"""
_OTHERS: Final = """
make bmake pmake nmake remake | code* | code* | -C:data --directory:data -f:file --file:file --makefile:file -I:data
    --include-dir:data -j?:data --jobs?:data -l?:data -o:data -W:data --eval:code -E:code --what-if:data
    --old-file:data -O?:data | permutes
just task invoke mask | code* | code* | -f:file --justfile:file -d:data --working-directory:data -c:shell
    --command:shell --shell:file --shell-arg:code --set%:code -t:file --taskfile:file | permutes
cmake | data* | data* | -P:file -D:data -B:data -S:data -G:data -C:file | permutes
rake | data* | data* | -e:code --execute:code -E:code --execute-continue:code -p:code --execute-print:code -f:file
    --rakefile:file -r:module --require:module -R:data | permutes
scons | data* | data* | -f:file --file:file | permutes
tar bsdtar | data* | data* | --checkpoint-action:setting --to-command:shell -I:shell --use-compress-program:shell
    --rsh-command:shell --rmt-command:shell -F:shell --info-script:shell --new-volume-script:shell -f:data --file:data
    -b:data -C:data --directory:data -T:data --files-from:data -X:data --exclude-from:data -g:data -K:data -L:data
    -N:data -V:data --exclude:data --transform:data --xform:data --strip-components:data --owner:data --group:data
    --mode:data -H:data -s:data | permutes old-style
rsync | data* | data* | -e:shell --rsh:shell --rsync-path:shell -f:data --filter:data --exclude:data --include:data
    --exclude-from:data --files-from:data -T:data -B:data -M:shell --remote-option:shell --password-file:data
    --log-file:data --out-format:data --bwlimit:data --port:data --timeout:data | permutes
scp sftp | data* | data* | -o:setting -S:program -F:file -i:data -P:data -c:data -l:data -J:data -D:shell -b:file
    -s:data -X:data -B:data -R:data |
zip | data* | data* | -TT:shell --unzip-command:shell -b:data -n:data -t:data -x:data -i:data -P:data | permutes words
split | data* | data* | --filter:shell -a:data -b:data -C:data -l:data -n:data -t:data --additional-suffix:data |
    permutes
sort | data* | data* | --compress-program:program -k:data -o:data -t:data -S:data -T:data --key:data --output:data
    --parallel:data --files0-from:data | permutes quiet
wget | data* | data* | --use-askpass:shell -e:setting --execute:setting -O:data -o:data -P:data -U:data --header:data
    --post-data:data -i:data -a:data -Q:data -t:data -T:data | permutes quiet
hg | data* | data* | --config:setting -R:data --cwd:data -m:data --message:data -r:data -u:data -b:data --ssh:shell
    -e:shell --remotecmd:shell --tool:shell -t:shell | permutes
svn | data* | data* | --config-option:setting --editor-cmd:shell --diff-cmd:shell --diff3-cmd:shell -m:data
    --message:data -r:data | permutes
git-annex redis-cli | data* | data* | --eval:file |
fd fdfind | data* | program | -x=program -X=program --exec=program --exec-batch=program -e:data -E:data -t:data
    -d:data -g:data | permutes
rg | data* | data* | --pre:program --hostname-bin:program -e:data -f:data -g:data -t:data -T:data -A:data -B:data
    -C:data -m:data -r:data | permutes quiet
fzf | data* | data* | --preview:shell --bind:shell --query:data -q:data -f:data --filter:data | permutes
openssl | data* | data* | -engine:module -provider:module | words quiet
gcc cc g++ clang tcc c++ | data* | data* | -wrapper:shell -fplugin:module -specs:file -B:file -o:data -I:data -D:data
    -x:data -run:file -MF:data | words permutes quiet
java | file data* | data* | -javaagent:module -agentpath:module -cp:data -classpath:data -p:data -jar:file! -m:module!
    --module:module! -D?:data | words
latex pdflatex xelatex lualatex tex luatex | code* | code* | -output-directory:data -jobname:data -interaction:data
    | words permutes
tcpdump | data* | data* | -z:program -w:data -r:data -i:data -c:data -s:data -G:data -C:data -W:data -F:data |
    permutes quiet
ffmpeg | data* | data* | | words quiet
apt apt-get | data* | data* | -o:setting --option:setting -c:file --config-file:file -t:data | permutes
pip pip3 | data* | data* | --config-settings:data | permutes quiet
npm yarn pnpm | data* | data* | -c:shell --call:shell --script-shell:file --node-options:code --prefix:data -w:data
    --workspace:data --node-option:code | permutes quiet
dpkg | data* | data* | --pre-invoke:shell --post-invoke:shell --status-logger:shell | permutes quiet
logrotate | file* | file* | -m:shell --mail:shell -s:data -l:data | permutes
gpg gpg2 | data* | data* | --photo-viewer:shell --agent-program:program --exec-path:file -o:data -r:data -u:data
    --output:data --recipient:data --passphrase:data | permutes quiet
wpa_cli nsupdate ftp lftp telnet | data* | data* | -e:code -c:code -f:file -x:data | always-stdin
exiftool | data* | data* | -if:code -p:data -config:file | permutes words
pandoc | data* | data* | -F:program --filter:program -L:file --lua-filter:file -o:data -f:data -t:data -V:data -M:data
    --metadata:data --pdf-engine:program | permutes quiet
sphinx-build pytest mypy coverage | data* | data* | -p:module -c:data -k:data -m:data -o:data -D:data | permutes quiet
timeit | code* | code* | |
run-parts | file | file | -a:data --arg:data -u:data --umask:data --regex:data | permutes
ninja | data* | data* | -f:file -C:file -j:data -k:data -t:data | permutes
ant gradle mvn gradlew mvnw | data* | data* | -f:file -file:file -buildfile:file -I:file --init-script:file -b:file
    --build-file:file -p:data --file:file -P:data | permutes words
go | data file* | data file* | -exec:shell -toolexec:shell -vettool:program -o:data -run:data -C:data | permutes words
    quiet
cargo | data* | data* | --config:setting -p:data --manifest-path:file -Z:data | permutes quiet
install | data* | data* | --strip-program:program -m:data -o:data -g:data -t:data -S:data | permutes quiet
cpio | data* | data* | --rsh-command:shell --rmt-command:shell -F:data -D:data -R:data | permutes quiet
ag bat batcat delta | data* | data* | --pager:shell -G:data -l:data --style:data | permutes quiet
puppet chef-apply | data* | data* | -e:code --execute:code | permutes
gimp blender inkscape vlc | data* | data* | -b:code --batch:code --python-expr:code -P:file --python:file | permutes
    words quiet
rpm rpmbuild | data* | data* | -E:code --eval:code --pipe:shell --define:code -D:code | permutes quiet
mutt neomutt mailx | data* | data* | -e:code -F:file -S:setting -s:data -c:data -a:data | quiet
gs gsnd | data* | data* | -c:code -f:file | permutes words quiet
ssh-keygen ssh-add | data* | data* | -D:module -s:module -e:module -f:data -t:data -b:data -C:data -N:data | permutes
    quiet
nmap | data* | data* | --script:file --script-args:data -iL:data -oN:data | permutes words quiet
watchman-make | data* | data* | --run:shell -t:data --make:shell -p:data | permutes
"""


def _lines(table: str) -> list[str]:
    """Return the lines of a table; one that begins with a blank belongs to the line above it."""
    return [line for line in re.sub(r"\n +", " ", table).splitlines() if line]


@cache
def programs() -> Mapping[str, Grammar]:
    """Return the grammar of each program."""
    table: dict[str, Grammar] = {}
    for line in _lines(_SHELLS + _INTERPRETERS + _EDITORS_AND_DATABASES + _WRAPPERS + _OTHERS):
        names, operands, coded, options, flags = (part.strip() for part in line.split("|"))
        described = grammar(operands, coded, options, flags)
        table |= dict.fromkeys(names.split(), described)
    return table


def lookup(name: str) -> Grammar | None:
    """Return the grammar of a program: `python3.11` is python, and Homebrew's `gsed` is sed."""
    table = programs()
    for spelling in (name, _SUFFIX.sub("", name)):
        found = table.get(spelling) or (table.get(spelling[1:]) if spelling[:1] == "g" else None)
        if found is not None:
            return found
    return None


def runs_text(name: str, code: str) -> bool:
    """Return whether a program's code has calls that could run an argument or a variable as code."""
    base = _SUFFIX.sub("", name).removesuffix("js").removeprefix("pypy")
    base = {"gawk": "awk", "mawk": "awk", "nawk": "awk", "": "python"}.get(base, base)
    return re.search(_RUNS_TEXT.get(base, _RUNS_TEXT_ELSEWHERE), code) is not None


def is_shell(name: str) -> bool:
    """Return whether a program is a shell."""
    return name in shells() or _SUFFIX.sub("", name) in shells()


@cache
def shells() -> frozenset[str]:
    """Return the names of shells."""
    return frozenset(name for line in _lines(_SHELLS) for name in line.partition("|")[0].split()) - _MULTICALL
