"""Positions in tools that run programs, packages and files that they fetch, write or unpack, one a line."""

from __future__ import annotations

from typing import Final

TOOLS: Final = tuple(
    r"""
docker run {{x}}
docker run --rm -it {{x}}
docker run -v /:/h {{x}}
docker run -v a:b --name n {{x}}
docker run --entrypoint {{x}} image
docker run --entrypoint={{x}} image
docker run image {{x}}
docker run --rm -e A=b image {{x}}
docker run image sh {{x}}
podman run {{x}}
podman run image {{x}}
docker create {{x}}
docker container run {{x}}
docker container exec c {{x}}
docker --context c exec d {{x}}
docker -H h run {{x}}
docker compose run app {{x}}
docker compose exec app {{x}}
docker compose -f c.yml exec app {{x}}
docker compose run {{x}}
docker compose -f {{x}} up
docker compose run --entrypoint {{x}} app
docker-compose run app {{x}}
docker run {{x}} image
kubectl run a --image={{x}}
kubectl debug p --image={{x}}
npm run {{x}}
npm run-script {{x}}
npm exec {{x}}
npm exec -- {{x}}
npm x {{x}}
npm install {{x}}
npm i {{x}}
npm init {{x}}
npm create {{x}}
npm --prefix p run {{x}}
pnpm run {{x}}
pnpm {{x}}
pnpm exec {{x}}
pnpm dlx {{x}}
pnpm add {{x}}
yarn {{x}}
yarn run {{x}}
yarn dlx {{x}}
yarn add {{x}}
yarn exec {{x}}
bun run {{x}}
bun x {{x}}
bun add {{x}}
npx -p {{x}} cmd
npx --package={{x}} cmd
pip install {{x}}
pip install -r {{x}}
pip install --index-url {{x}} a
pip install -i {{x}} a
pip3 install --upgrade {{x}}
pip wheel {{x}}
python3 -m pip install {{x}}
pip install git+{{x}}
pip install -e {{x}}
uv pip install {{x}}
uv run --with {{x}} a
uv tool run {{x}}
uv tool install {{x}}
uvx --from {{x}} a
pipx run --spec {{x}} a
gem install {{x}}
gem exec {{x}}
cargo install {{x}}
cargo install --git {{x}}
cargo run --bin {{x}}
cargo {{x}}
cargo add {{x}}
go {{x}}
brew install {{x}}
dnf install {{x}}
apk add {{x}}
dpkg -i {{x}}
composer require {{x}}
composer exec {{x}}
composer run-script {{x}}
helm template a --post-renderer {{x}}
curl -o g {{x}}; sh g
curl -o g https://example.com/{{x}}; sh g
curl -og {{x}}; sh g
curl -sSLo g {{x}} && bash g
curl --output g {{x}}; . ./g
curl -O https://e.com/{{x}}; sh *.sh
curl -fsSLO {{x}}/install.sh; sh install.sh
wget {{x}}/install.sh; sh install.sh
wget -O g {{x}}; sh g
wget -qO g {{x}} && sh g
wget -Og {{x}}; chmod +x g; ./g
wget --output-document=g {{x}}; python3 g
curl --output-dir d -o g {{x}}; sh d/g
aria2c -o g {{x}}; sh g
http -o g {{x}}; sh g
scp h:{{x}} g; sh g
git clone https://{{x}} d; sh d/run.sh
git clone https://e.com/{{x}} d && cd d && make
unzip {{x}} -d d; sh d/g
tar -xf {{x}} -C d; sh d/g
tar xf {{x}}; ./configure
openssl enc -d -in {{x}} -out g; sh g
find . -name {{x}} -exec sh {} \;
gcc {{x}} f.c
gcc -B{{x}} f.c
gcc -x c {{x}} -o g; ./g
clang -Xclang -load -Xclang {{x}} f.c
clang {{x}}
ld --plugin {{x}} f.o
ld -plugin {{x}} f.o
ld.so {{x}}
/lib64/ld-linux-x86-64.so.2 {{x}}
nm --plugin {{x}} f
ar --plugin {{x}} r f
ar r f --plugin={{x}}
rustc -C linker={{x}} f.rs
rustc {{x}}
javac -processor {{x}} f.java
java -cp {{x}} Main
java -XX:OnError={{x}} A
kotlinc -script {{x}}
dotnet {{x}}
dotnet exec {{x}}
dotnet script {{x}}
csi {{x}}
msbuild {{x}}
msbuild /p:{{x}}
zig run {{x}}
nim r {{x}}
v run {{x}}
cargo script {{x}}
rust-script {{x}}
rust-script -e {{x}}
gforth -e {{x}}
gforth {{x}}
mysql --defaults-file={{x}}
dlv exec {{x}}
pdb {{x}}
perf script -s {{x}}
bpftrace -e {{x}}
bpftrace {{x}}
stap -e {{x}}
dtrace -n {{x}}
rr record {{x}}
heaptrack {{x}}
gprofng collect app {{x}}
convert {{x}} out.png
convert in.png {{x}}
magick {{x}} out.png
magick -script {{x}}
identify {{x}}
montage {{x}} out.png
gm convert {{x}} out.png
sox {{x}} out.wav
sox "|{{x}}" out.wav
play {{x}}
rec {{x}}
latexmk -e {{x}}
latexmk -pdflatex={{x}} f.tex
latexmk {{x}}
kak -e {{x}}
kak {{x}} f
code --install-extension {{x}}
ssh-copy-id {{x}}
ssh-copy-id -o {{x}} h
sshfs {{x}} d
sshfs -o ssh_command={{x}} h: d
sshfs -o {{x}} h: d
rclone --sftp-ssh={{x}} ls a:
rclone {{x}}
rclone mount --password-command {{x}} a b
restic --password-command {{x}} snapshots
restic -o {{x}} snapshots
borg create {{x}} d
borg --rsh {{x}} list
duplicity {{x}} f
rdiff-backup --remote-schema {{x}} a b
unison {{x}}
unison a b -sshcmd {{x}}
rsync --daemon --config={{x}}
rsnapshot -c {{x}} daily
parallel -S {{x}} echo ::: a
parallel --ssh {{x}} a ::: b
sem {{x}}
sem --id a {{x}}
watchexec {{x}}
watchexec -- {{x}}
incrontab {{x}}
screen -S s -X stuff {{x}}
zellij run -- {{x}}
zellij action write-chars {{x}}
byobu {{x}}
expect -D 1 -c {{x}}
rails runner {{x}}
rails {{x}}
php artisan tinker --execute={{x}}
wp eval {{x}}
wp --exec={{x}} a
drush php-eval {{x}}
drush ev {{x}}
node --test {{x}}
node --openssl-config={{x}} f
node --experimental-config-file={{x}} f
bun run -e {{x}}
bun test {{x}}
luarocks install {{x}}
littler -e {{x}}
sage -c {{x}}
runhaskell {{x}}
stack exec {{x}}
stack runghc {{x}}
stack {{x}}
cabal exec {{x}}
cabal run {{x}}
opam exec -- {{x}}
opam exec {{x}}
elixir --rpc-eval a {{x}}
mix run -e {{x}}
mix {{x}}
escript {{x}}
rebar3 shell --eval {{x}}
lein exec -e {{x}}
sbt {{x}}
sbt "{{x}}"
janet -e {{x}}
fennel -e {{x}}
csi -e {{x}}
chicken-csi -e {{x}}
newlisp -e {{x}}
picolisp {{x}}
nqp -e {{x}}
busybox wget {{x}}
erb {{x}}
erb a={{x}} f
esh {{x}}
cookiecutter {{x}}
copier copy {{x}} d
yo {{x}}
ansible h -m {{x}}
ansible-console h <<< {{x}}
salt-call cmd.run {{x}}
salt-call {{x}}
vagrant ssh -- {{x}}
bazel run {{x}}
bazel {{x}}
bazel build --run_under={{x}} a
buck run {{x}}
pants {{x}}
tox -x {{x}}
tox --override {{x}}
nox -f {{x}}
poetry {{x}}
mamba run -n e {{x}}
mise exec -- {{x}}
dotenv -- {{x}}
dotenvx run -- {{x}}
doppler run -- {{x}}
doppler run --command {{x}}
op run -- {{x}}
chamber exec s -- {{x}}
aws-vault exec p -- {{x}}
aws-vault exec p {{x}}
envchain a {{x}}
infisical run -- {{x}}
infisical run --command={{x}}
teller run -- {{x}}
gcloud compute ssh h --command={{x}}
gcloud compute ssh h --command "{{x}}"
gcloud compute ssh h -- {{x}}
aws ssm send-command --parameters commands={{x}}
aws ssm start-session --parameters {{x}}
aws {{x}}
heroku run {{x}}
heroku run "{{x}}" -a app
fly ssh console -C {{x}}
flyctl ssh console --command {{x}}
railway run {{x}}
eb ssh --command {{x}}
cf ssh app -c {{x}}
oc rsh p {{x}}
nomad alloc exec a {{x}}
lxc exec c -- {{x}}
incus exec c -- {{x}}
lxc-attach -n c -- {{x}}
lxc-execute -n c {{x}}
multipass exec v -- {{x}}
limactl shell v {{x}}
colima ssh -- {{x}}
orb run {{x}}
wsl {{x}}
wsl -e {{x}}
wsl -- {{x}}
crictl exec c {{x}}
ctr run i c {{x}}
ctr task exec c {{x}}
runc exec c {{x}}
buildah run c {{x}}
buildah run c -- {{x}}
singularity exec i {{x}}
singularity run {{x}}
apptainer exec i.sif {{x}}
enroot start c {{x}}
distrobox enter c -- {{x}}
flatpak run {{x}}
flatpak-spawn --host {{x}}
snap run {{x}}
appimage-run {{x}}
open {{x}}
open -a {{x}}
xdg-open {{x}}
gio open {{x}}
gtk-launch {{x}}
start {{x}}
rundll32 {{x}}
wscript {{x}}
cscript {{x}}
mshta {{x}}
websocketd {{x}}
websocketd --port=1 {{x}}
ttyd {{x}}
gotty {{x}}
tcpserver 0 1 {{x}}
udpsvd 0 1 {{x}}
msfconsole -x {{x}}
sqlmap --eval {{x}}
tshark -X {{x}}
tshark -X lua_script:{{x}}
dhclient -sf {{x}}
openvpn --config {{x}}
openvpn --up {{x}}
modprobe {{x}}
insmod {{x}}
kexec {{x}}
sendmail {{x}}
sendmail -C {{x}}
sendmail -be {{x}}
exim -be {{x}}
procmail {{x}}
formail -s {{x}}
fetchmail -m {{x}}
fetchmail --mda {{x}}
msmtp --passwordeval={{x}} a
mbsync -c {{x}}
offlineimap -k {{x}}
mail -S {{x}} a
mail {{x}}
enscript -p '|{{x}}' f
chromium --renderer-cmd-prefix={{x}}
google-chrome {{x}}
chrome --headless {{x}}
w3m {{x}}
lynx -cfg={{x}} u
lynx -cmd_script={{x}} u
links {{x}}
elinks -eval {{x}}
youtube-dl --exec {{x}} u
yt-dlp --exec {{x}} u
yt-dlp --exec={{x}} u
yt-dlp {{x}}
yt-dlp --downloader {{x}} u
yt-dlp --config-location {{x}} u
aria2c --on-download-complete {{x}} u
aria2c --on-download-complete={{x}} u
transmission-cli -f {{x}}
curl --engine {{x}} u
wget --config={{x}} u
wget {{x}}
echo {{x}} > .git/hooks/pre-commit
echo {{x}} > .git/hooks/pre-commit; git commit
echo {{x}} >> .git/config; git status
echo {{x}} > .envrc; direnv allow
echo {{x}} > .bashrc; bash -i
echo {{x}} > ~/.bashrc
echo {{x}} >> ~/.profile
echo {{x}} > package.json; npm install
echo {{x}} > package.json; npm test
echo {{x}} > setup.py; pip install .
echo {{x}} > conftest.py; pytest
echo {{x}} > test_a.py; pytest test_a.py
echo {{x}} > pyproject.toml; pip install .
echo {{x}} > justfile; just
echo {{x}} > Rakefile; rake
echo {{x}} > Dockerfile; docker build .
echo {{x}} > docker-compose.yml; docker compose up
echo {{x}} > build.gradle; gradle build
echo {{x}} > pom.xml; mvn test
echo {{x}} > Cargo.toml; cargo build
echo {{x}} > build.rs; cargo build
echo {{x}} > main.go; go run .
echo {{x}} > a.c; gcc a.c; ./a.out
echo {{x}} > a.rs; rustc a.rs && ./a
echo {{x}} > CMakeLists.txt; cmake .
echo {{x}} > meson.build; meson setup b
echo {{x}} > Vagrantfile; vagrant up
echo {{x}} > Gemfile; bundle install
echo {{x}} > a.tf; terraform apply
echo {{x}} > .vimrc; vim -es -c q f
echo {{x}} > .gdbinit; gdb -batch f
echo {{x}} > .lldbinit; lldb -b f
echo {{x}} > .sqliterc; sqlite3 db
echo {{x}} > .psqlrc; psql -c 1
echo {{x}} > ~/.ssh/config; ssh h
echo {{x}} > g; BASH_ENV=g bash -c :
echo {{x}} > g; ENV=./g sh -i
echo {{x}} > g; export BASH_ENV=g; bash -c :
echo {{x}} > g; PERL5OPT=-Mg perl -e 1
echo {{x}} > g.py; python3 -m g
echo {{x}} > g.py; python3 -c 'import g'
echo {{x}} > g.js; node -r ./g.js -e 1
echo {{x}} > g.js; node -e 'require("./g")'
echo {{x}} > g; find . -name g -exec sh {} \;
echo {{x}} > g; find . -type f | xargs -n1 sh
echo {{x}} > g; sh ./*
echo {{x}} > g; run-parts .
echo {{x}} > d/g; run-parts d
echo {{x}} > g; chmod 755 g; PATH=.:$PATH g
echo {{x}} > g; scp g h:; ssh h sh g
echo {{x}} > g; docker run -v $PWD:/w image sh /w/g
echo {{x}} > g; docker cp g c:/g; docker exec c sh /g
echo {{x}} > g; sqlite3 db ".read g"
echo {{x}} > g; patch -p1 < g; sh run.sh
echo {{x}} > g; git apply g; sh run.sh
echo {{x}} > g; bash -c '. ./g'
echo {{x}} > g; bash -c 'source g'
echo {{x}} > g; parallel -a g
echo {{x}} > g; tar -cf - -T g
""".strip().splitlines()
)
