// A hand in the dashboard: sets the price of a SKU in a channel, in minor units, by Vendure's own API.
// node hand.js shop-de MUG-RED 500
const [channel, sku, price] = process.argv.slice(2);
const url = `http://127.0.0.1:${process.env.PORT || 3000}/admin-api`;

async function ask(query, variables, headers = {}) {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await answer.json();
  if (errors) throw new Error(errors[0].message);
  return { data, token: answer.headers.get('vendure-auth-token') };
}

async function main() {
  const password = process.env.VENDURE_PASSWORD || 'superadmin';
  const login = 'mutation ($p: String!) { login(username: "superadmin", password: $p) { __typename } }';
  const { token } = await ask(login, { p: password });
  const headers = { authorization: `Bearer ${token}`, 'vendure-token': channel };
  const find = 'query ($s: String!) { productVariants(options: {filter: {sku: {eq: $s}}}) { items { id currencyCode } } }';
  const [variant] = (await ask(find, { s: sku }, headers)).data.productVariants.items;
  const set = 'mutation ($i: [UpdateProductVariantInput!]!) { updateProductVariants(input: $i) { id } }';
  await ask(set, { i: [{ id: variant.id, prices: [{ currencyCode: variant.currencyCode, price: Number(price) }] }] }, headers);
  console.log(`${sku} in ${channel} costs ${price} now`);
}

main().catch(error => { console.error(error.message); process.exit(1); });
