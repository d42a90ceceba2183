// Serves the directory (`plc PORT`) or the personal data server (`pds PORT PLC_URL APPVIEW_URL FOLDER`), on
// loopback alone, and prints a line when it listens. Both are the real ones.
import net from 'node:net'
import { createRequire } from 'node:module'
import { mkdirSync } from 'node:fs'

const require = createRequire(`${process.env.STONECHAT_PDS}/package.json`)
const listen = net.Server.prototype.listen
net.Server.prototype.listen = function (port, ...rest) {
  return listen.call(this, { port: Number(port.port ?? port), host: '127.0.0.1' }, rest.find((one) => typeof one === 'function'))
}

const [kind, port, plcUrl, appViewUrl, folder] = process.argv.slice(2)
if (kind === 'plc') {
  const plc = require('@did-plc/server')
  await plc.PlcServer.create({ db: plc.Database.mock(), port: Number(port) }).start()
} else {
  const pds = require('@atproto/pds')
  mkdirSync(`${folder}/blobs`, { recursive: true })
  const environment = {
    port: Number(port),
    hostname: 'localhost',
    serviceHandleDomains: ['.test'],
    devMode: true,
    disableSsrfProtection: true,
    inviteRequired: false,
    rateLimitsEnabled: false,
    dataDirectory: folder,
    blobstoreDiskLocation: `${folder}/blobs`,
    didPlcUrl: plcUrl,
    bskyAppViewUrl: appViewUrl,
    bskyAppViewDid: 'did:web:appview.test',
    jwtSecret: 'only-for-tests-only-for-tests',
    adminPassword: 'only-for-tests',
    dpopSecret: 'f'.repeat(64),
    plcRotationKeyK256PrivateKeyHex: '1'.repeat(64),
  }
  const server = await pds.PDS.create(pds.envToCfg(environment), pds.envToSecrets(environment))
  await server.start()
}
console.log('listening')
