import { isUtf8 } from 'node:buffer';
import { extname } from 'node:path';
import { looksBinary } from './binary-look.ts';

/** Endings of files that are never text. */
const endings = new Set(
  `3ds 7z aac accdb aif aiff alac ape arrow avi avif avro bin blend bmp bz2 cab class com cr2 cr3 dae db dbf dll dmg dng doc docx
  dwf dwg dxb eot epub exe fbx fit fits flac flv fw gba gif glb gz hdf5 heic heif ico img iso jar jfif jp2 jpeg jpg jxl lz lz4 lzma
  m4a m4v mat mdb mid midi mkv mobi mov mp3 mp4 mpeg mpg msi n64 nds nef nes npy npz o odt ogg ogv opus orf otf pages pak parquet
  pcap pcapng pdf png ppt pptx psd pyc pyo qcow2 rar raw rom sav sfc shp shx smc so sqlite sqlite3 step stl stp tar tif tiff ttc
  ttf usdz vdi vhd vmdk wasm wav webm webp wma wmv woff woff2 xcf xls xlsx xz z zip zst`.split(/\s+/),
);

/** First bytes of binary formats, in hexadecimal. */
const signatures =
  `0000000142756431 0000001866747970 0000001c6674797068656963 00000100 0001000000 0061736d 04224d18 1a45dfa3 1f8b08
  213c617263683e0a 255044462d312e 28b52ffd 303730373031 377abcaf271c 38425053 4152524f5731 4243c0de 424d 425a68 474946383761
  474946383961 494433 49492a00 4d4d002a 4d546864 4d5a 4f54544f 4f626a01 4f676753 5041434b 50415231 504b0304 52494646 526172211a07
  53514c69746520666f726d6174203300 5d0000 62706c697374 6465780a 664c6143 774f4632 774f4646 7f454c46 89504e470d0a1a0a a1b2c3d4
  cafebabe cefaedfe cffaedfe d0cf11e0a1b11ae1 fd377a585a00 feedface feedfacf feedfeed ff060000734e61507059 ffd8ffe0 ffd8ffe1`.split(
    /\s+/,
  );

/** Such a file is copied, never rendered: cookiecutter's decision, which is binaryornot 0.6's, by name and first 512 bytes. */
export function isBinary(name: string, content: Buffer): boolean {
  if (endings.has(extname(name).slice(1).toLowerCase())) return true;
  const start = content.subarray(0, 512);
  if (start.length === 0) return false;
  const head = start.subarray(0, 16).toString('hex');
  if (signatures.some((signature) => head.startsWith(signature))) return true;
  return isPlainText(start) ? false : looksBinary(start);
}

/** What nearly every text file is: whole UTF-8 without control characters. */
const isPlainText = (start: Buffer): boolean =>
  isUtf8(start) && start.every((byte) => byte >= 32 || byte === 9 || byte === 10 || byte === 13);
