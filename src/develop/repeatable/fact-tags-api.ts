const factTag =
  /^tilth\.(?:command|code|top|dirty|changes|folder|dataset|data|changed_data|found_data|lock|python|packages|blas|libc|seed|hash_seed|environment|cpu|cores|memory|gpu|os|version|reproduction)(?:\.|$)/;

/** Is this a tag that the checks of a run tell in words? */
export const isFactTag = (key: string): boolean => factTag.test(key);
