import { answers, createApi, createRoute, z, type Api } from '../platform/http.ts';
import { explain, glossary } from './glossary.ts';
import { glossaryWord } from './glossary-api.ts';

export function glossaryRoutes(): Api {
  const api = createApi();
  api.openapi(
    createRoute({ method: 'get', path: '/api/v1/glossary', responses: answers(z.array(glossaryWord), 'The common language, in the order of the life cycle') }),
    (context) => context.json([...glossary], 200),
  );
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/glossary/{word}',
      request: { params: z.object({ word: z.string() }) },
      responses: answers(glossaryWord, 'One word, also by another name for it'),
    }),
    (context) => context.json(explain(context.req.valid('param').word), 200),
  );
  return api;
}
