// Reads a structured report as OHIF does, or writes one: node cornerstone.mjs read|write CT_FOLDER FILE
import fs from "node:fs";
import path from "node:path";
import { JSDOM } from "jsdom";

const page = new JSDOM("");
for (const name of ["window", "document", "HTMLElement", "Element", "Node"]) {
  globalThis[name] ??= name === "window" ? page.window : page.window[name];
}
console.log = console.info = console.warn = console.debug = () => {};

const dcmjs = (await import("dcmjs")).default;
const { metaData } = await import("@cornerstonejs/core");
const { adaptersSR } = await import("@cornerstonejs/adapters");
const { MeasurementReport } = adaptersSR.Cornerstone3D;
const { DicomMessage, DicomMetaDictionary } = dcmjs.data;

function dataset(file) {
  const bytes = fs.readFileSync(file);
  const dict = DicomMessage.readFile(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  return DicomMetaDictionary.naturalizeDataset(dict.dict);
}

const [mode, folder, file] = process.argv.slice(2);
const images = {};
const ids = {};
for (const name of fs.readdirSync(folder)) {
  const image = dataset(path.join(folder, name));
  images[`image:${image.SOPInstanceUID}`] = image;
  ids[`${image.SOPInstanceUID}:1`] = `image:${image.SOPInstanceUID}`;
}
const cosines = (image) => image.ImageOrientationPatient.map(Number);
const metadata = {
  get(type, id) {
    const image = images[id];
    if (!image) return undefined;
    if (type === "imagePlaneModule") {
      return {
        frameOfReferenceUID: image.FrameOfReferenceUID,
        rows: image.Rows,
        columns: image.Columns,
        imagePositionPatient: image.ImagePositionPatient.map(Number),
        rowCosines: cosines(image).slice(0, 3),
        columnCosines: cosines(image).slice(3),
        rowPixelSpacing: Number(image.PixelSpacing[0]),
        columnPixelSpacing: Number(image.PixelSpacing[1]),
      };
    }
    if (type === "sopCommonModule") return { sopInstanceUID: image.SOPInstanceUID, sopClassUID: image.SOPClassUID };
    if (type === "instance") return image;
    if (type === "frameNumber") return 1;
    return undefined;
  },
};
metaData.addProvider((type, id) => metadata.get(type, id), 10);

if (mode === "read") {
  const found = MeasurementReport.generateToolState(dataset(file), ids, metadata);
  const said = Object.entries(found).flatMap(([tool, measurements]) =>
    measurements.map((one) => ({
      tool,
      uid: one.TrackingUniqueIdentifier,
      points: one.annotation.data.handles.points,
      stats: Object.values(one.annotation.data.cachedStats)[0],
      label: one.annotation.data.label,
      finding: one.finding?.CodeMeaning,
    })),
  );
  process.stdout.write(JSON.stringify(said));
} else {
  const marks = JSON.parse(fs.readFileSync(0, "utf8"));
  const id = `image:${marks.image}`;
  const annotation = (points, stats) => ({
    metadata: { referencedImageId: id, toolName: "", FrameOfReferenceUID: images[id].FrameOfReferenceUID },
    data: { handles: { points, textBox: {} }, cachedStats: { [`imageId:${id}`]: stats } },
  });
  const state = {
    [id]: {
      Bidirectional: { data: [annotation(marks.bidirectional, { length: marks.long, width: marks.short, unit: "mm" })] },
      Length: { data: [annotation(marks.line, { length: marks.length, unit: "mm" })] },
    },
  };
  const report = MeasurementReport.generateReport(state, metadata, {});
  fs.writeFileSync(file, Buffer.from(dcmjs.data.datasetToDict(report.dataset).write()));
}
