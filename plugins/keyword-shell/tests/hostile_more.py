"""More positions in which a value could become code, one a line: wrappers, options, evaluators, spellings."""

from __future__ import annotations

from typing import Final

MORE: Final = tuple(
    r"""
env -S "{{x}}"
env -S'sh -c {{x}}'
env -C . {{x}}
env -- {{x}}
env A=1 {{x}}
env -i sh -c {{x}}
/usr/bin/env -vS {{x}}
busybox env sh -c {{x}}
busybox xargs {{x}}
busybox awk {{x}} f
busybox sed {{x}} f
busybox timeout 1 {{x}}
nice {{x}}
nice -n 5 {{x}}
nice -n5 -- {{x}}
nice -5 sh -c {{x}}
nice --adjustment=5 {{x}}
ionice -c3 {{x}}
ionice -c 3 -n 1 sh -c {{x}}
timeout 1 {{x}}
timeout -s KILL 1 {{x}}
timeout -k 1 1 sh -c {{x}}
timeout --signal=KILL -- 1 {{x}}
timeout --foreground 1 sh -c {{x}}
stdbuf -oL {{x}}
stdbuf -o L sh -c {{x}}
chrt -o 0 {{x}}
taskset 1 {{x}}
numactl -C0 sh -c {{x}}
chronic sh -c {{x}}
setsid -w {{x}}
setarch x86_64 {{x}}
linux64 sh -c {{x}}
unshare -r {{x}}
nsenter -t 1 {{x}}
runuser -u root -- {{x}}
doas {{x}}
doas -u root sh -c {{x}}
pkexec {{x}}
sg root -c {{x}}
newgrp {{x}}
faketime now {{x}}
fakeroot {{x}}
fakeroot -- sh -c {{x}}
catchsegv {{x}}
command -p {{x}}
command -- {{x}}
exec -a n {{x}}
time {{x}}
time -p sh -c {{x}}
! {{x}}
coproc {{x}}
coproc c { eval {{x}}; }
find . -exec {{x}} \;
find . -exec sh -c {{x}} \;
find . -ok {{x}} \;
find . -execdir bash -c {{x}} +
find . -maxdepth 0 -exec env -S {{x}} \;
find . -name f -exec sh -c 'echo {{x}}' {} \;
fd . -X sh -c {{x}}
parallel -j1 {{x}}
parallel -- {{x}}
parallel -a f {{x}}
parallel --pipe {{x}}
entr {{x}}
flock f {{x}}
flock -x -w 1 f {{x}}
watch -n1 {{x}}
watch -x {{x}}
sqlite3 db {{x}}
sqlite3 -cmd {{x}} db
sqlite3 :memory: ".shell {{x}}"
sqlite3 db < {{x}}
echo {{x}} | sqlite3 db
vim -c {{x}} f
vim +{{x}} f
vim --cmd {{x}} f
vi -c {{x}} f
nvim --headless -c {{x}} f
ex -sc {{x}} f
less +{{x}} f
less -O {{x}} f
more +{{x}} f
man -H{{x}} ls
git -c core.pager={{x}} log
git -c core.editor={{x}} commit
git -c {{x}} log
git --exec-path={{x}} log
git clone --upload-pack {{x}} . b
git clone -u {{x}} . b
git clone -c core.fsmonitor={{x}} . b
git clone {{x}} b
git fetch --upload-pack={{x}}
git push --receive-pack={{x}} .
git rebase -x {{x}} HEAD
git rebase --exec={{x}} HEAD
git filter-branch --tree-filter {{x}}
git difftool -x {{x}}
git difftool --extcmd={{x}}
git grep -O{{x}} l
git config alias.z {{x}}
git config core.hooksPath {{x}}
git ls-remote {{x}}
git log --format={{x}} | sh
git send-email --sendmail-cmd={{x}}
hg --config alias.x={{x}} x
hg clone {{x}}
svn --config-option {{x}} co .
ssh -o ProxyCommand={{x}} h
ssh -oLocalCommand={{x}} -oPermitLocalCommand=yes h
ssh -F {{x}} h
ssh h -- {{x}}
ssh -t h "sudo {{x}}"
scp -S{{x}} f h:f
scp -o{{x}} f h:f
sftp -b {{x}} h
rsync -e {{x}} f h:f
rsync -ae {{x}} f h:f
rsync --rsync-path={{x}} f h:f
rsync -avz --rsh {{x}} f h:f
rsync {{x}} h:f
mosh --ssh={{x}} h
zip a.zip f -T -TT {{x}}
zip -T --unzip-command {{x}} a.zip f
zip a.zip {{x}}
tar --to-command={{x}} -xf a.tar
tar -xf a.tar --to-command {{x}}
tar -I {{x}} -cf a.tar f
tar --use-compress-program {{x}} -cf a.tar f
tar cf a.tar f --checkpoint=1 --checkpoint-action={{x}}
tar -cf a.tar -F {{x}} f
tar -cf a.tar --info-script={{x}} f
tar --rsh-command={{x}} -cf h:a f
tar cf a.tar {{x}}
cpio --rsh-command={{x}} -o
awk 'BEGIN{"{{x}}" | getline}'
awk -e {{x}} f
gawk -i {{x}} 1 f
awk '{print | "{{x}}"}' f
awk 'BEGIN{system(ARGV[1])}' {{x}}
awk 'BEGIN{system(ENVIRON["v"])}' v={{x}}
v={{x}} awk 'BEGIN{system(ENVIRON["v"])}'
sed -f {{x}} f
sed 's/l/{{x}}/e' f
sed --expression {{x}} f
sed -i -e "s/a/{{x}}/" f
sed -nE {{x}} f
perl -pe "s/l/{{x}}/e" f
perl -I. -e {{x}}
perl -i.bak -pe {{x}} f
perl -we {{x}}
perl -x {{x}}
perl -d:{{x}} f
perl -e 'system($ARGV[0])' {{x}}
perl -e 'eval shift' {{x}}
perl -ne 'print `$_`' {{x}}
perl -e 'open F, shift' {{x}}
ruby -r{{x}} -e 1
ruby -rjson -e {{x}}
ruby -e 'system(ARGV[0])' {{x}}
ruby -e '`#{ARGV[0]}`' {{x}}
ruby -e 'open(ARGV[0])' {{x}}
node -r {{x}} f
node --require={{x}} f
node --import={{x}} f
node -e 'require("child_process").execSync(process.argv[1])' {{x}}
deno run {{x}}
ts-node -e {{x}}
npx {{x}}
npm --script-shell={{x}} run a
php -d {{x}} -r 1
php -B {{x}}
php -R {{x}} < f
php -f {{x}}
php {{x}}
php -r 'system($argv[1]);' {{x}}
php -r 'eval($argv[1]);' -- {{x}}
lua -l {{x}}
luajit -e {{x}}
lua -e 'os.execute(arg[1])' {{x}}
python -c {{x}}
python3 -Ic {{x}}
python3 -c 'import sys,os; os.system(sys.argv[1])' {{x}}
python3 -c 'exec(input())' <<< {{x}}
python3 -m timeit -s {{x}} 1
python3 -m cProfile {{x}}
python3 -m pdb -c {{x}} f
pypy3 -c {{x}}
ipython -c {{x}}
uv run {{x}}
uvx {{x}}
pipx run {{x}}
poetry run {{x}}
pytest -p {{x}}
guile -c {{x}}
racket -e {{x}}
sbcl --eval {{x}}
runghc {{x}}
ocaml -e {{x}}
elixir -e {{x}}
erl -eval {{x}}
R -e {{x}}
octave --eval {{x}}
gnuplot -e {{x}}
maxima --batch-string={{x}}
gdb -ex {{x}} f
gdb --eval-command={{x}}
lldb -o {{x}}
groovy -e {{x}}
scala -e {{x}}
java -cp . {{x}}
psql -d db -c "select {{x}}"
psql -f {{x}}
psql <<< {{x}}
mysql --execute={{x}}
mysql --init-command={{x}}
mysql --pager={{x}}
mongosh --eval {{x}}
duckdb db -c {{x}}
docker run a sh -c {{x}}
docker exec c {{x}}
docker exec -it c bash -c {{x}}
docker compose exec s sh -c {{x}}
podman run a sh -c {{x}}
kubectl exec p -- {{x}}
kubectl exec p -it -- bash -c {{x}}
kubectl run a --image=b --command -- sh -c {{x}}
lxc exec c -- sh -c {{x}}
systemd-run {{x}}
systemd-run --pty -- {{x}}
systemd-nspawn -D / {{x}}
at -f {{x}} now
echo {{x}} | batch
echo {{x}} | crontab -
crontab {{x}}
(crontab -l; echo {{x}}) | crontab -
bash <<< {{x}}
sh <<< "echo {{x}}"
bash < <(echo {{x}})
source <(printf %s {{x}})
tee >(sh) <<< {{x}}
echo {{x}} > >(bash)
echo $(( {{x}} ))
echo $(({{x}} + 1))
echo $[ {{x}} ]
(( {{x}} ))
(( a = {{x}} ))
let "a={{x}}"
printf -v {{x}} b
printf -v "a[{{x}}]" b
[[ -v a[{{x}}] ]]
[[ -R {{x}} ]]
[[ -t {{x}} ]]
[[ -n ${a[{{x}}]} ]]
test -v "a[{{x}}]"
[ -R {{x}} ]
read {{x}}
read -r {{x}} < f
read "a[{{x}}]" < f
readarray {{x}} < f
mapfile -t {{x}} < f
declare {{x}}=1
declare -i a={{x}}
declare -n a={{x}}
declare -a {{x}}
declare "a[{{x}}]=1"
declare -p {{x}}
typeset {{x}}
typeset -i a={{x}}
local {{x}}
unset "a[{{x}}]"
wait -p {{x}}
trap -- {{x}} 0
trap "echo {{x}}" EXIT
trap "{{x}}" DEBUG
alias a={{x}}
alias ls={{x}}; ls
shopt -s expand_aliases; alias q={{x}}; q
PROMPT_COMMAND={{x}} bash -i < f
PS1={{x}} bash -i < f
PS4={{x}} bash -xc :
ENV={{x}} sh -i < f
SHELLOPTS={{x}} bash -c :
IFS={{x}} sh -c 'echo a'
PATH={{x}} ls
GIT_PAGER={{x}} git log
GIT_SSH_COMMAND={{x}} git fetch
GIT_EDITOR={{x}} git commit
PYTHONSTARTUP={{x}} python3 -i < f
PYTHONPATH={{x}} python3 f
NODE_OPTIONS={{x}} node f
v={{x}}; echo "${v@P}"
v={{x}}; echo ${v:{{x}}}
echo ${v[{{x}}]}
echo ${v:{{x}}}
echo ${#v[{{x}}]}
v={{x}}; echo ${v@A} | sh
v={{x}}; eval "echo \"$v\""
v={{x}}; "$v" a
v={{x}}; ${v% *}
v={{x}}; a=$v; $a
v={{x}}; set -- $v; "$@"
v={{x}}; set -- $v; $1
export v={{x}}; sh -c 'eval "$v"'
v={{x}}; (( v ))
v={{x}}; [[ $v -gt 0 ]]
v={{x}}; for ((i=v; i<1; i++)); do :; done
for ((i={{x}}; i<1; i++)); do :; done
for i in {{x}}; do eval "$i"; done
while read l; do eval "$l"; done <<< {{x}}
while read l; do $l; done < <(echo {{x}})
echo {{x}} | while read l; do sh -c "$l"; done
case {{x}} in a) :;; esac; eval {{x}}
select i in {{x}}; do $i; break; done < f
f() { sh -c "$*"; }; f {{x}}
f() { local v=$1; $v; }; f {{x}}
if {{x}}; then :; fi
while {{x}}; do break; done
until {{x}}; do break; done
{ {{x}}; }
( {{x}} )
a=$({{x}})
a=`{{x}}`
echo "$({{x}})"
echo "`{{x}}`"
{{x}} | cat
cat f | {{x}}
: && {{x}}
: & {{x}}
cat f > {{x}} && . ./{{x}}
compgen -C {{x}}
compgen -F {{x}}
fc -e {{x}}
history -s {{x}}; fc -s
script -c {{x}} o
script o -c {{x}}
expect -f {{x}}
socat - SYSTEM:{{x}}
socat {{x}} -
socat TCP:h:1 EXEC:"{{x}}"
ncat -e {{x}} h 1
make -f {{x}}
make -E {{x}}
cmake -P {{x}}
ninja -f {{x}}
just {{x}}
rake {{x}}
gcc -specs={{x}} f.c
cargo --config {{x}} build
go run {{x}}
go build -toolexec {{x}}
go vet -vettool={{x}}
mvn {{x}}
gradle -I {{x}}
ant -f {{x}}
ansible all -a {{x}}
puppet apply -e {{x}}
fzf --preview {{x}} < f
fzf --bind {{x}} < f
rg --pre {{x}} l f
rg --pre={{x}} l
ag --pager {{x}} l
bat --pager {{x}} f
jq {{x}} f
jq -r ".{{x}}" f
jq -f {{x}} f
dd if={{x}} | sh
curl {{x}} | sh
wget -O- {{x}} | bash
wget --use-askpass={{x}} h
wget -e {{x}} h
lftp -c {{x}}
lftp -e {{x}} h
ftp {{x}}
telnet {{x}}
tmux new -d {{x}}
tmux run-shell {{x}}
tmux if-shell {{x}} a b
screen -dm {{x}}
screen -X exec {{x}}
dbus-run-session {{x}}
dbus-launch {{x}}
xterm -e {{x}}
pwsh -c {{x}}
pwsh -Command {{x}}
powershell -EncodedCommand {{x}}
cmd /c {{x}}
cmd.exe /c {{x}}
cmd /k {{x}}
cmd /C "echo {{x}}"
agetty -l {{x}} tty
su -c {{x}}
su -s {{x}} root
su - root -c "echo {{x}}"
sudo -u root {{x}}
chroot / {{x}}
chroot --userspec=a / sh -c {{x}}
bwrap --bind / / {{x}}
firejail {{x}}
proot {{x}}
qemu-x86_64 {{x}}
valgrind {{x}}
valgrind --trace-children=yes sh -c {{x}}
strace -f {{x}}
strace -o {{x}} ls
ltrace {{x}}
perf record {{x}}
hyperfine -p {{x}} ls
time -f a {{x}}
/usr/bin/time {{x}}
run-parts {{x}}
start-stop-daemon -S -x {{x}}
watchman-make --run {{x}}
logrotate {{x}}
sort -S1 --compress-program {{x}} f
install -s --strip-program={{x}} f g
install --strip-program {{x}} -s f g
echo {{x}} | dc
m4 -D a={{x}} f
ip netns exec a {{x}}
ip -b {{x}}
tcpdump -z {{x}} -w f
nmap --script={{x}} h
mailx -S {{x}} a
mutt -e {{x}}
emacs -batch -eval {{x}}
emacs --batch -l {{x}}
emacsclient -e {{x}}
latex {{x}}
pdflatex -shell-escape {{x}}
pandoc --filter {{x}} f
pandoc -F {{x}} f
gs -c {{x}}
exiftool -if {{x}} f
exiftool {{x}} f
gpg --exec-path {{x}}
gpg --photo-viewer {{x}} --list-keys
ssh-keygen -D {{x}}
ssh-add -s {{x}}
dpkg --pre-invoke={{x}} -i a
apt-get -o {{x}} update
apt -o APT::Update::Pre-Invoke::={{x}} update
rpm --eval {{x}}
rpm -E {{x}}
bundle exec {{x}}
gimp -b {{x}}
blender --python-expr {{x}}
wish {{x}}
zsh -ic {{x}}
mksh -c {{x}}
fish -C {{x}}
tcsh -c {{x}}
csh -fc {{x}}
yash -c {{x}}
nu -c {{x}}
elvish -c {{x}}
xonsh -c {{x}}
rbash -c {{x}}
dash -ec {{x}}
ash -xc {{x}}
sh -euxc {{x}}
bash -O extglob -c {{x}}
bash --rcfile {{x}} -i < f
bash --init-file {{x}} -i < f
bash -c 'eval "$0"' {{x}}
bash -c "$(cat)" <<< {{x}}
bash {{x}}
sh - {{x}}
sh -s {{x}} < f
echo sh -c {{x}} | sh
printf '%s\n' {{x}} | bash -s
yes {{x}} | head -1 | sh
tr a b <<< {{x}} | sh
rev <<< {{x}} | bash
envsubst <<< {{x}} | sh
tac <<< {{x}} | xargs -I@ sh -c @
echo {{x}} | xargs env
echo {{x}} | xargs -n1 env
echo {{x}} | xargs nice
echo {{x}} | xargs time
echo {{x}} | xargs sudo
echo {{x}} | xargs -I{} {}
echo {{x}} | xargs -J % %
echo {{x}} | xargs git
echo {{x}} | xargs find
echo {{x}} | xargs tar
echo {{x}} | xargs awk
echo {{x}} | xargs sed
echo {{x}} | xargs perl
echo {{x}} | xargs make
echo {{x}} | parallel sh -c
echo {{x}} | sudo -S bash
echo {{x}} | ssh h
echo {{x}} | ssh h bash -s
echo {{x}} | tee f | sh
echo {{x}} | ruby
echo {{x}} | php
echo {{x}} | lua
echo {{x}} | psql
echo {{x}} | mysql
echo {{x}} | awk -f - f
echo {{x}} | sed -f - f
echo {{x}} | vim -
echo {{x}} | vim -es -s /dev/stdin f
echo {{x}} | make -f -
echo {{x}} | gdb
echo {{x}} | crontab
echo {{x}} | timeout 1 sh
echo {{x}} | busybox sh
echo {{x}} | setsid bash
echo {{x}} | eval "$(cat)"
echo {{x}} | source /dev/fd/0
echo {{x}} | bash /proc/self/fd/0
echo {{x}} 2>&1 | sh
eval $(echo {{x}})
eval "$(printf %q {{x}})"
ev''al {{x}}
e=eval; $e {{x}}
s=sh; $s -c {{x}}
s="sh -c"; $s {{x}}
$SHELL -c {{x}}
${SHELL} -c {{x}}
/bin/s? -c {{x}}
/bin/b*sh -c {{x}}
/bin/{sh,} -c {{x}}
~/sh -c {{x}}
./sh -c {{x}}
s\h -c {{x}}
"s"h -c {{x}}
$'sh' -c {{x}}
sh -"c" {{x}}
sh -$c {{x}}
sh $(echo -c) {{x}}
sh $o {{x}}
o=-c; sh $o {{x}}
""".strip().splitlines()
)
