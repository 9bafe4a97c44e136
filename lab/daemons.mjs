// nginx, Apache, squid, HAProxy and lighttpd of Debian, each with its own configuration in a temporary folder, on a
// free loopback port.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, startDaemon } from './children.mjs';

/**
 * They answer every upload over 1 KB with 413 before they read its body, each by its own limit for the body. `pem`: the
 * key and the certificate for TLS. `noTls`: why the package of Debian cannot do it.
 */
const DAEMONS = {
  nginx: {
    version: ['nginx', '-v'],
    command: (folder) => ['nginx', '-p', folder, '-c', 'nginx.conf', '-e', 'stderr'],
    // The times are long, so that the peer ends a linger, as with every other server here.
    configuration: (port, _folder, pem) => [
      'nginx.conf',
      `daemon off; pid nginx.pid; worker_processes 1; worker_rlimit_nofile 20000; user root; error_log /dev/null;
events { worker_connections 19000; }
http {
  access_log off; client_body_temp_path body; proxy_temp_path proxy;
    fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  client_max_body_size 1k; lingering_time 600s; lingering_timeout 600s; keepalive_requests 100000000;
  ${pem ? `ssl_certificate ${pem}; ssl_certificate_key ${pem};` : ''}
  server { listen 127.0.0.1:${port} ${pem ? 'ssl' : ''} backlog=4096; location / { return 200 "ok"; } }
}`,
    ],
  },
  Apache: {
    version: ['apache2', '-v'],
    command: (folder) => ['apache2', '-d', folder, '-f', 'apache.conf', '-DFOREGROUND'],
    // The time of Apache's linger, 30 s, cannot be set.
    configuration: (port, folder, pem) => [
      'apache.conf',
      `ServerName localhost
ServerRoot ${folder}
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
${pem ? apacheTls(pem) : ''}
User www-data
Group www-data
PidFile ${folder}/apache.pid
ErrorLog /dev/null
Listen 127.0.0.1:${port}
ListenBacklog 4096
Mutex default:${folder}
DocumentRoot ${folder}
LimitRequestBody 1024
StartServers 1
ServerLimit 1
ThreadsPerChild 64
MaxRequestWorkers 64
KeepAlive On
MaxKeepAliveRequests 0`,
    ],
  },
  squid: {
    version: ['squid', '--version'],
    command: (folder) => ['squid', '-N', '-f', join(folder, 'squid.conf')],
    configuration: (port, folder, pem) => [
      'squid.conf',
      `${pem ? `https_port 127.0.0.1:${port} tls-cert=${pem}` : `http_port 127.0.0.1:${port}`} \
accel defaultsite=localhost no-vhost
cache_peer 127.0.0.1 parent 9 0 no-query originserver
pid_filename none
access_log none
cache_log /dev/null
cache deny all
cache_mem 0 MB
pinger_enable off
max_filedescriptors 20000
coredump_dir ${folder}
request_body_max_size 1 KB
http_access allow all
shutdown_lifetime 0 seconds`,
    ],
  },
  HAProxy: {
    version: ['haproxy', '-v'],
    command: (folder) => ['haproxy', '-db', '-f', join(folder, 'haproxy.cfg')],
    configuration: (port, _folder, pem) => [
      'haproxy.cfg',
      `global
  maxconn 9500
  nbthread 1
defaults
  mode http
  timeout client 600s
  timeout http-request 600s
frontend early
  bind 127.0.0.1:${port} ${pem ? `ssl crt ${pem}` : ''}
  http-request return status 200 content-type text/plain string ok if METH_GET
  http-request deny deny_status 413`,
    ],
  },
  lighttpd: {
    version: ['lighttpd', '-v'],
    noTls: 'lighttpd has its TLS in a package of its own',
    command: (folder) => ['lighttpd', '-D', '-f', join(folder, 'lighttpd.conf')],
    configuration: (port, folder) => [
      'lighttpd.conf',
      `server.bind = "127.0.0.1"
server.port = ${port}
server.document-root = "${folder}"
server.errorlog = "/dev/null"
server.max-request-size = 1`,
    ],
  },
};

const apacheTls = (pem) => `LoadModule socache_shmcb_module /usr/lib/apache2/modules/mod_socache_shmcb.so
LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so
SSLEngine on
SSLCertificateFile ${pem}`;

/** Why the daemon cannot serve TLS, or undefined where it can. */
export const noTls = (name) => DAEMONS[name].noTls;

/** The version that the program prints, or undefined when it is not installed. */
export function daemonVersion(name) {
  const [command, ...args] = DAEMONS[name].version;
  const { stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  return error ? undefined : /[\d.]+\d\S*/.exec(`${stdout}${stderr}`)?.[0];
}

/**
 * Starts one: `{ pid, port, stop }`. Throws an error with the reason when this is impossible. `pem`: a file with the
 * key and the certificate, for TLS.
 */
export async function startByName(name, { pem } = {}) {
  if (daemonVersion(name) === undefined) throw new Error(`${name} is not installed`);
  const { command, configuration } = DAEMONS[name];
  const folder = mkdtempSync(join(tmpdir(), `lingering-close-${name}-`));
  // For daemons that run as another user.
  chmodSync(folder, 0o777);
  const port = await freePort();
  const [file, text] = configuration(port, folder, pem);
  writeFileSync(join(folder, file), `${text}\n`);
  const [program, ...args] = command(folder);
  try {
    const daemon = await startDaemon(program, args, port);
    const stop = async () => {
      await daemon.stop();
      rmSync(folder, { recursive: true, force: true });
    };
    return { ...daemon, stop };
  } catch (error) {
    if (existsSync(folder)) rmSync(folder, { recursive: true });
    throw error;
  }
}
