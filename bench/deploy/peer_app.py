"""The peer: FastAPI with scikit-learn, written as its documentation shows. MODEL_FOLDER holds model.pkl and rows.json."""

import json
import os
import pickle
from pathlib import Path

import numpy as np
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

folder = Path(os.environ["MODEL_FOLDER"])
model = pickle.loads((folder / "model.pkl").read_bytes())
columns = json.loads((folder / "rows.json").read_text())["columns"]
app = FastAPI()


class Split(BaseModel):
    columns: list[str]
    data: list[list[float]]


class Question(BaseModel):
    dataframe_split: Split


class Answer(BaseModel):
    predictions: list[int]


@app.get("/ping")
async def ping() -> dict[str, str]:
    return {}


# async: a thread per request would only cost on top of a prediction this short
@app.post("/invocations")
async def invocations(question: Question) -> Answer:
    if question.dataframe_split.columns != columns:
        raise HTTPException(400, f"The columns are {columns}.")
    return Answer(predictions=model.predict(np.asarray(question.dataframe_split.data)).tolist())
