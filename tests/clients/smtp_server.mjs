// A real SMTP server (npm smtp-server) that behaves as the recipient's local part says, and prints
// what happens as JSON lines: {"event":"listening","port":…,"ca":…}, {"event":"mail","from","to","raw"},
// {"event":"refused","to","code"}, {"event":"login","user","ok"}. It ends when its standard input does.
//
//   node smtp_server.mjs [--tls none|starttls|implicit] [--user NAME --password WORD] [--dir DIR]
//
// refuse@ 550 5.1.1 · full@ 552 5.2.2 · busy@ 451 always · grey@ 451 the first time, then taken ·
// spam@ 554 5.7.1 after the data · drop@ closes during the data · anything else is taken.
// With TLS a certificate for localhost is made in DIR, and "ca" is its path.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { SMTPServer } from 'smtp-server';

const { values: option } = parseArgs({ options: {
    tls: { type: 'string', default: 'none' }, user: { type: 'string' }, password: { type: 'string' },
    dir: { type: 'string', default: '.' } } });
const say = (line) => process.stdout.write(JSON.stringify(line) + '\n');
const refusal = (code, text) => Object.assign(new Error(text), { responseCode: code });
const greyed = new Set();

function certificate() {
    const key = join(option.dir, 'key.pem'), cert = join(option.dir, 'cert.pem');
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost',
        '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', key, '-out', cert], { stdio: 'ignore' });
    return { key: readFileSync(key), cert: readFileSync(cert), ca: cert };
}
const tls = option.tls === 'none' ? {} : certificate();

const server = new SMTPServer({
    key: tls.key, cert: tls.cert,
    secure: option.tls === 'implicit',
    authOptional: !option.user,
    allowInsecureAuth: true,
    disabledCommands: [...(option.tls === 'starttls' ? [] : ['STARTTLS']), ...(option.user ? [] : ['AUTH'])],
    onAuth(auth, session, done) {
        const ok = auth.username === option.user && auth.password === option.password;
        say({ event: 'login', user: auth.username, ok });
        if (ok) done(null, { user: auth.username });
        else done(refusal(535, '5.7.8 who are you?'));
    },
    onRcptTo(address, session, done) {
        const [local] = address.address.split('@');
        const no = (code, text) => {
            say({ event: 'refused', to: address.address, code });
            done(refusal(code, text));
        };
        if (local === 'refuse') no(550, `5.1.1 <${address.address}>: there is no ${local} here`);
        else if (local === 'full') no(552, '5.2.2 the box is full');
        else if (local === 'busy') no(451, '4.3.2 not now');
        else if (local === 'grey' && !greyed.has(address.address)) {
            greyed.add(address.address);
            no(451, '4.7.1 greylisted, come back');
        } else done();
    },
    onData(stream, session, done) {
        const to = session.envelope.rcptTo.map((r) => r.address), pieces = [];
        if (to.some((a) => a.startsWith('drop@'))) {
            say({ event: 'dropped', to });
            server.connections.forEach((c) => c._socket.destroy());
            return;
        }
        stream.on('data', (piece) => pieces.push(piece));
        stream.on('end', () => {
            if (to.some((a) => a.startsWith('spam@'))) return done(refusal(554, '5.7.1 this looks like spam'));
            say({ event: 'mail', from: session.envelope.mailFrom.address, to, secure: session.secure,
                raw: Buffer.concat(pieces).toString('utf8') });
            return done(null, 'queued as LIUKE1');
        });
    },
});
server.on('error', () => {});                 // a client that leaves is no error of ours
server.listen(0, '127.0.0.1', () => say({ event: 'listening', port: server.server.address().port, ca: tls.ca }));
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
