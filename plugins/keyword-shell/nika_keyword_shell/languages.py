"""Grammars of shells, of interpreters of other languages, of editors, and of databases. `programs` describes them."""

from __future__ import annotations

from typing import Final

SHELLS: Final = """
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
INTERPRETERS: Final = """
python pypy jython micropython | file data* | data* | -c:code! -m:module! -W:data -X:data -Q:data
    --check-hash-based-pycs:data | stdin
ipython | file data* | data* | -c:code -m:module --profile:data --ext:module | stdin words
perl | file data* | data* | -e:code -E:code -M:code -m:code -I:data -F:data -i?:data -x?:data -d?:code -D?:data |
    stdin
ruby jruby irb | file data* | data* | -e:code -r:module -I:data -C:data -E:data -F:data -i?:data -K?:data -x?:data
    --encoding:data | stdin
node nodejs | file data* | data* | --run:module --openssl-config,--experimental-config-file,--snapshot-blob:file
    -e:code --eval:code -p:code --print:code -pe:code -r:module --require:module
    --import:module --loader:module --experimental-loader:module --env-file:file --env-file-if-exists:file -C:data
    --conditions:data --input-type:data --test-name-pattern:data --title:data --stack-trace-limit:data | stdin exact
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
scala groovy kotlin bb clojure clj elixir iex raku rakudo nqp swift crystal dart janet fennel csi
    chicken-csi newlisp picolisp littler rust-script gforth sage julia-script | file data* | data* | -e:code
    --eval:code -r:module -i:file -M:data --cp:data -cp:data -c:code -Sdeps:code --rpc-eval%:code | stdin
guile | file data* | data* | -c:code! -e:code -l:file -L:data -s:file -ds:file -x:data | stdin words
racket mzscheme | file data* | data* | -e:code --eval:code -f:file -l:module -r:file -t:file -u:file | stdin
sbcl clisp ecl ccl gcl | data* | data* | --eval:code -eval:code -x:code --load:file -load:file --script?:file -i:file
    --core:file | stdin words permutes
emacs emacsclient | file* | file* | --eval:code -eval:code --execute:code -e:code -f:code --funcall:code -l:file
    --load:file --script:file -L:data -d:data -s:data --alternate-editor:shell -a:shell | words permutes plus
erl | data* | data* | -eval:code -s:code -run:code -pa:data -pz:data -config:file -sname:data -name:data | stdin words
    permutes
kotlinc | file data* | data* | -script:file -e:code -expression:code | words stdin
swipl gprolog | file data* | data* | -g:code -t:code -s:file -l:file -f:file | stdin
jshell | data* | data* | -R:data | always-stdin
runghc runhaskell ghci ghc escript pdb erb | file data* | data* | -e:code --ghc-arg:data | stdin
ocaml utop | file data* | data* | -e:code -init:file -I:data | stdin words
tclsh wish jimsh | file data* | data* | -c:code -f:file -encoding:data | stdin
expect | file data* | data* | -c:code -f:file -b:file -D:data | stdin
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
EDITORS_AND_DATABASES: Final = """
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
mysql mariadb | data | data | --defaults-file,--defaults-extra-file:file  -e:code --execute:code --init-command:code
    -h:data --host:data -u:data --user:data
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
bpftrace | file* | file* | -e:code -p,-o,-c:data |
stap dtrace | file* | file* | -e,-n,-P,-m,-f:code -s:file -c:program -o,-x,-p:data |
kak | data* | data* | -e,-E:code -s,-c,-p,-f:data | permutes
gnome-terminal xterm konsole urxvt kitty alacritty foot | program | | -e:shell --command:shell -T:data --title:data
    --working-directory:data |
"""
