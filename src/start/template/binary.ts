import { extname } from 'node:path';

/** Endings of files that are never text. */
const endings = new Set(
  `3ds blend dae fbx glb stl usdz 7z bz2 cab gz jar lz lz4 lzma rar tar xz z zip zst aac aif aiff alac ape flac m4a mid midi mp3
  ogg opus wav wma dwg dwf dxb step stp class dll o pyc pyo so wasm accdb db dbf mdb sqlite sqlite3 dmg img iso qcow2 vdi vhd vmdk
  doc docx epub mobi odt pages pdf ppt pptx xls xlsx com exe msi bin fw rom eot otf ttc ttf woff woff2 gba n64 nds nes pak sav sfc
  smc shp shx avif bmp cr2 cr3 dng gif heic heif ico jfif jp2 jpeg jpg jxl nef orf png psd raw tif tiff webp xcf arrow avro fit
  fits hdf5 mat npy npz parquet pcap pcapng avi flv m4v mkv mov mp4 mpeg mpg ogv webm wmv`.split(/\s+/),
);

/** First bytes, in hexadecimal, of formats that could pass for text. */
const signatures = [
  '25504446',
  '424d',
  '4d5a',
  '504b0304',
  '52494646',
  '4f676753',
  '664c6143',
  '4d546864',
  '38425053',
  '50415231',
];

/**
 * Such a file is copied, never rendered. Decides as cookiecutter does, except that a zero byte always means binary:
 * its classifier calls a short file with few of them text.
 */
export function isBinary(name: string, content: Buffer): boolean {
  if (endings.has(extname(name).slice(1).toLowerCase())) return true;
  const start = content.subarray(0, 512);
  const head = start.subarray(0, 8).toString('hex');
  if (signatures.some((signature) => head.startsWith(signature))) return true;
  if (start.includes(0)) return true;
  return !isUtf8Start(start, content.length > start.length);
}

function isUtf8Start(start: Buffer, isCut: boolean): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(start, { stream: isCut });
    return true;
  } catch {
    return false;
  }
}
