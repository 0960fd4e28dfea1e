// What a file is, as far as the browser can tell before it is sent.
import { Problem } from "./api.js";

/** Kinds that every browser reads, so that one it cannot read is broken. */
const READ = /^image\/(png|jpeg|webp|gif|bmp|avif)$/;

async function reads(file) {
  try {
    (await createImageBitmap(file, { resizeWidth: 16, resizeHeight: 16 })).close();
    return true;
  } catch { return false; }
}

/** Why a file cannot be what is asked for; null if nothing speaks against it. The service reads videos. */
export async function refusalOf(file, pictureOnly) {
  if (!file.size) return new Problem(0, `${file.name}: is empty`, "choose another file");
  if (READ.test(file.type) && !(await reads(file))) return new Problem(0, `${file.name}: is not a readable picture`, "choose another file");
  if (pictureOnly && file.type && !file.type.startsWith("image/")) return new Problem(0, `${file.name}: is not a picture`, "drop a picture, such as a JPEG or PNG");
  return null;
}
