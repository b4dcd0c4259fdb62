"""Grammars of tools with options that are code, or that name code. `programs` describes them."""

from __future__ import annotations

from typing import Final

OTHERS: Final = """
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
    -b:data -C:data --directory:data -T,--files-from:replace -X:data --exclude-from:data -g:data -K:data -L:data
    -N:data -V:data --exclude:data --transform:data --xform:data --strip-components:data --owner:data --group:data
    --mode:data -H:data -s:data | permutes old-style
rsync | data* | data* | --config:file -e:shell --rsh:shell --rsync-path:shell -f:data --filter:data --exclude:data
    --include:data
    --exclude-from:data --files-from:data -T:data -B:data -M:shell --remote-option:shell --password-file:data
    --log-file:data --out-format:data --bwlimit:data --port:data --timeout:data | permutes
scp sftp | data* | data* | -o:setting -S:program -F:file -i:data -P:data -c:data -l:data -J:data -D:shell -b:file
    -s:data -X:data -B:data -R:data |
zip | data* | data* | -TT:shell --unzip-command:shell -b:data -n:data -t:data -x:data -i:data -P:data | permutes words
split | data* | data* | --filter:shell -a:data -b:data -C:data -l:data -n:data -t:data --additional-suffix:data |
    permutes
sort | data* | data* | --compress-program:program -k:data -o:data -t:data -S:data -T:data --key:data --output:data
    --parallel:data --files0-from:data | permutes quiet
wget | data* | data* | --config:file --output-document:output --use-askpass:shell -e:setting --execute:setting
    -O:output -o:data -P:data -U:data --header:data
    --post-data:data -i:data -a:data -Q:data -t:data -T:data | permutes
hg | data* | data* | --config:setting -R:data --cwd:data -m:data --message:data -r:data -u:data -b:data --ssh:shell
    -e:shell --remotecmd:shell --tool:shell -t:shell | permutes
svn | data* | data* | --config-option:setting --editor-cmd:shell --diff-cmd:shell --diff3-cmd:shell -m:data
    --message:data -r:data | permutes
fd fdfind | data* | program | -x=program -X=program --exec=program --exec-batch=program -e:data -E:data -t:data
    -d:data -g:data | permutes
rg | data* | data* | --pre:program --hostname-bin:program -e:data -f:data -g:data -t:data -T:data -A:data -B:data
    -C:data -m:data -r:data | permutes quiet
fzf | data* | data* | --preview:shell --bind:shell --query:data -q:data -f:data --filter:data | permutes
openssl | data* | data* | -engine:module -provider:module | words quiet
gcc cc g++ clang clang++ tcc c++ | data* | data* | -wrapper:shell -fplugin:module -Xclang:module -specs:file -B:file
    -o:output -I:data -D:data
    -x:data -run:file -MF:data | words permutes
java | file data* | data* | -javaagent:module -agentpath:module -cp,-classpath,--class-path,-p,--module-path:module
    -agentlib:module
    -XX:OnError?:shell -XX:OnOutOfMemoryError?:shell -jar:file! -m:module!
    --module:module! -D?:data | words
latex pdflatex xelatex lualatex tex luatex | code* | code* | -output-directory:data -jobname:data -interaction:data
    | words permutes
tcpdump | data* | data* | -z:program -w:data -r:data -i:data -c:data -s:data -G:data -C:data -W:data -F:data |
    permutes quiet
ffmpeg | data* | data* | | words quiet
dpkg | data* | data* | -i,--install:package --pre-invoke:shell --post-invoke:shell --status-logger:shell | permutes
    quiet
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
install | data* | data* | --strip-program:program -m:data -o:data -g:data -t:data -S:data | permutes quiet
cpio | data* | data* | --rsh-command:shell --rmt-command:shell -F:data -D:data -R:data | permutes quiet
ag bat batcat delta | data* | data* | --pager:shell -G:data -l:data --style:data | permutes quiet
puppet chef-apply | data* | data* | -e:code --execute:code | permutes
gimp blender inkscape vlc | data* | data* | -b:code --batch:code --python-expr:code -P:file --python:file | permutes
    words quiet
rpm rpmbuild | data* | data* | -E:code --eval:code --pipe:shell --define:code -D:code | permutes quiet
mutt neomutt | data* | data* | -e:code -F:file -s:data -c:data -a:data | quiet
mail mailx s-nail | pipe* | pipe* | -S:setting -s,-c,-b,-a,-r,-u,-f,-q:data | permutes quiet
gs gsnd | data* | data* | -c:code -f:file | permutes words quiet
ssh-keygen ssh-add | data* | data* | -D:module -s:module -e:module -f:data -t:data -b:data -C:data -N:data | permutes
    quiet
nmap | data* | data* | --script:file --script-args:data -iL:data -oN:data | permutes words quiet
watchman-make | data* | data* | --run:shell -t:data --make:shell -p:data | permutes
curl | data* | data* | -o,--output:output
    -d,--data,--data-raw,--data-binary,--data-urlencode,-H,--header,-X,--request:data
    -u,--user,-A,--user-agent,-e,--referer,-b,--cookie,-c,--cookie-jar,-F,--form,-T,--upload-file,-K,--config:data
    -m,--max-time,--connect-timeout,--retry,-w,--write-out,-x,--proxy,-E,--cert,--key,--cacert,-r,--range,-y,-Y,-z:data
    -D,--dump-header,--output-dir,--json,-C,-P,-Q,-t,--limit-rate,--resolve,--url:data --engine:module | permutes quiet
aria2c | data* | data* | -o,--out:output --on-download-complete,--on-download-error,--on-download-start:program
    --on-download-stop,--on-download-pause,--on-bt-download-complete:program -d,--dir,-i,-x,-s,-j:data | permutes
http https xh | data* | data* | -o,--output:output -a,--auth,-A:data | permutes quiet
yt-dlp youtube-dl | data* | data* | --exec,--exec-before-download:shell --downloader,--external-downloader:program
    --config-location,--config-locations,--plugin-dirs:file -f,-o,--output,-r,-P,--proxy,--cookies:data | permutes
transmission-cli transmission-daemon | data* | data* | -f,--finish:program -w,-g,-p:data | permutes
sshfs ssh-copy-id | data* | data* | -o:setting -F:file -p,-i:data | permutes
rclone | data* | data* | --sftp-ssh,--password-command,--metadata-mapper:shell --config:data | permutes
restic borg | data* | data* | -o,--option:setting --password-command,--rsh,--remote-path:shell -r,--repo,-p:data |
    permutes
unison rdiff-backup duplicity | data* | data* | -sshcmd:program --remote-schema:shell --ssh-options:data | permutes
    words
rsnapshot | data* | data* | -c:file | permutes quiet
convert magick mogrify identify montage compare composite display animate import stream conjure gm | pipe* | pipe* |
    -resize,-crop,-quality,-density,-geometry,-extent,-background,-fill,-gravity,-format,-depth,-size,-rotate:data
    -define,-pointsize,-font,-stroke,-strokewidth,-draw,-blur,-sharpen,-colorspace,-type,-units,-limit,-scale:data
    -thumbnail,-sample,-threshold,-modulate,-gamma,-level,-colors,-fuzz,-transparent,-page,-delay,-loop,-tile:data
    -dispose,-compose,-compress,-border,-bordercolor,-shave,-splice,-bordercolor,-undercolor,-interlace,-path:data
    -channel,-evaluate,-fx,-morphology,-noise,-opacity,-radial-blur,-shadow,-swirl,-wave,-profile,-metric:data
    -set%,-annotate%:data -script:file | permutes words quiet
sox play rec soxi | pipe* | pipe* | -r,-c,-b,-e,-t,-v,-C:data | permutes quiet
enscript a2ps | data* | data* | -p,-o,--output:pipe -P,-f,-F:data | permutes quiet
latexmk | file* | file* | -e:code -r:file -pdflatex,-latex,-xelatex,-lualatex,-print:shell | words permutes
ld lld gold bfd | data* | data* | --plugin,-plugin:module -T,-o,-L,-l,-m:data | words permutes quiet
nm ar ranlib gcc-nm gcc-ar | data* | data* | --plugin:module | permutes quiet
ld.so ld-linux-x86-64.so ld-linux.so ld-linux-aarch64.so ld-musl-x86_64.so | program | program |
    --preload,--audit:module
    --library-path,--argv0,--glibc-hwcaps-prepend:data | words
rustc | data* | data* | -C,--codegen:setting -o:output -L,-l,--extern,--edition,--crate-type,--target,-O:data | permutes
javac | data* | data* | -processor,-processorpath,--processor-path:module -d,-cp,-classpath,-source,-target:data |
    words permutes quiet
openvpn | file | file | --config:file --up,--down,--route-up,--tls-verify,--auth-user-pass-verify:shell
    --plugin:module |
    words
dhclient dhcpcd | data* | data* | -sf:program -c,--script:program -cf,-lf,-pf:data | words quiet
tshark wireshark | data* | data* | -X:module -r,-w,-i,-f,-Y,-T,-e,-c:data | permutes quiet
msfconsole sqlmap | data* | data* | -x:code --eval:code -r:file -u:data | permutes
formail | program | program | -s=program -i,-I,-a,-A,-x,-X,-u,-D,-m:data |
procmail maildrop | file* | file* | | permutes
fetchmail msmtp mbsync offlineimap getmail | data* | data* | -m,--mda,--passwordeval:shell -f,-c,-C,--file:file
    -k:setting | permutes
sendmail exim exim4 | data* | data* | -C:file -be:code -f,-F,-r:data | words permutes
chromium chromium-browser google-chrome chrome | data* | data* | --renderer-cmd-prefix,--utility-cmd-prefix:shell
    --gpu-launcher,--ppapi-plugin-launcher,--browser-subprocess-path:shell --load-extension:module |
    words permutes
lynx elinks w3m links | data* | data* | -cfg,-cmd_script,-lss:file -eval:code -config-file:file | words permutes
open xdg-open gio gtk-launch start insmod modprobe kexec rundll32 wscript cscript mshta | file* | file* | -a:program
    -b,-u:data | permutes
    quiet
incrontab | file | file | -u:data |
sbt | code* | code* | |
esh | file* | file* | |
tox | data* | data* | -x,--override:setting -e,-c,-f:data | permutes quiet
nox | data* | data* | -f,--noxfile:file -s,-k,-t:data | permutes quiet
msbuild | file* | file* | | permutes
yo | module data* | | |
code codium | data* | data* | --install-extension:package -g,-r:data | permutes quiet
"""
