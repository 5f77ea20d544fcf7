// A Vendure server on one SQLite file, for tests and for examples/stores/vendure. Settings come as environment
// variables: PORT, DATABASE (a file, or :memory:), SUPERADMIN_PASSWORD, POPULATE=1 (the sample catalogue that ships in
// @vendure/create, through Vendure's own populate), SESSION (how long a login holds, e.g. "1s").
// Prints "listening" when it is ready.
const path = require('path');
const { bootstrap, DefaultLogger, dummyPaymentHandler, LogLevel } = require('@vendure/core');

const assets = path.join(path.dirname(require.resolve('@vendure/create/package.json')), 'assets');
const port = Number(process.env.PORT || 3000);

// Sample pictures are not what is tried here: they are read and thrown away.
const { Readable, Writable } = require('stream');
const nowhere = {
  writeFileFromBuffer: async name => name,
  writeFileFromStream: (name, data) => new Promise((done, failed) => {
    data.on('error', failed);
    data.pipe(new Writable({ write: (chunk, encoding, next) => next() })).on('finish', () => done(name));
  }),
  readFileToBuffer: async () => Buffer.alloc(0),
  readFileToStream: async () => Readable.from([]),
  deleteFile: async () => {},
  fileExists: async () => false,
};

const config = {
  apiOptions: { port, hostname: '127.0.0.1', adminApiPath: 'admin-api', shopApiPath: 'shop-api' },
  authOptions: {
    tokenMethod: ['bearer', 'api-key'],
    sessionDuration: process.env.SESSION || '1h',
    superadminCredentials: { identifier: 'superadmin', password: process.env.SUPERADMIN_PASSWORD || 'superadmin' },
  },
  dbConnectionOptions: {
    type: 'better-sqlite3', synchronize: true, logging: false, database: process.env.DATABASE || ':memory:',
  },
  logger: new DefaultLogger({ level: LogLevel.Error }),
  assetOptions: { assetStorageStrategy: nowhere, assetPreviewStrategy: { generatePreviewImage: async (ctx, type, data) => data } },
  importExportOptions: { importAssetsDir: path.join(assets, 'images') },
  paymentOptions: { paymentMethodHandlers: [dummyPaymentHandler] },
  plugins: [],
};

async function main() {
  if (process.env.POPULATE) {
    const { populate } = require('@vendure/core/cli');
    await populate(() => bootstrap(config), require(path.join(assets, 'initial-data.json')), path.join(assets, 'products.csv'));
  } else {
    await bootstrap(config);
  }
  console.log('listening');
}

main().catch(error => { console.error(error); process.exit(1); });
